# Huimin Ledger as a container: `docker build -t huimin .`, then
# `docker run -p 8680:8680 -v huimin:/var/lib/huimin huimin`. Nothing is fetched at run time.
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --profile dist --locked --package api --bin huimin

FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends fonts-noto-cjk postgresql-client \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --home /var/lib/huimin --create-home huimin
COPY --from=build /src/target/dist/huimin /usr/bin/huimin
USER huimin
WORKDIR /var/lib/huimin
VOLUME /var/lib/huimin
ENV HUIMIN_DB=sqlite:///var/lib/huimin/huimin.db HUIMIN_LISTEN=0.0.0.0:8680 HUIMIN_LOG=json
EXPOSE 8680
CMD ["sh", "-c", "huimin init && exec huimin serve"]
