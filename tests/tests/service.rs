//! The server as an office runs it: encrypted, ended in an orderly way, packed with its service.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use acceptance::program::Demo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// No answer takes so long.
const PATIENCE: Duration = Duration::from_secs(20);

/// A certificate authority of a test, and a certificate for this machine by it.
struct Authority {
    home: tempfile::TempDir,
}

impl Authority {
    /// By `openssl`, as an administrator makes one.
    fn new() -> Authority {
        let home = tempfile::tempdir().unwrap();
        let authority = Authority { home };
        let key = [
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
        ];
        let ca = "req -x509 -keyout ca.key -out ca.pem -days 2 -subj /CN=ca.test";
        authority.openssl(ca, &key);
        let asks = "req -new -keyout key.pem -out asks.csr -subj /CN=books.test";
        authority.openssl(asks, &key);
        std::fs::write(authority.at("names"), "subjectAltName=IP:127.0.0.1\n").unwrap();
        let signs = "x509 -req -in asks.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \
            -extfile names -out chain.pem";
        authority.openssl(signs, &[]);
        authority
    }

    fn openssl(&self, line: &str, more: &[&str]) {
        let mut command = Command::new("openssl");
        command.args(line.split_whitespace()).args(more);
        command.current_dir(self.home.path()).stderr(Stdio::piped());
        let output = command.output().expect("openssl; apt-get install openssl");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl {line}: {told}");
    }

    fn at(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }
}

/// A connection that trusts these authorities.
fn encrypted(address: SocketAddr, trusted: &[PathBuf]) -> StreamOwned<ClientConnection, TcpStream> {
    let mut roots = RootCertStore::empty();
    for file in trusted {
        roots
            .add(CertificateDer::from_pem_file(file).unwrap())
            .unwrap();
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    StreamOwned::new(connection, stream)
}

/// Asks for a page and gives the whole answer.
fn asked(stream: &mut (impl Read + Write), path: &str) -> std::io::Result<String> {
    let head = format!("GET {path} HTTP/1.1\r\nhost: books.test\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes())?;
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Err(error) if answer.is_empty() => Err(error),
        _ => Ok(String::from_utf8_lossy(&answer).into_owned()),
    }
}

fn ask_to_end(server: &Child) {
    let id = server.id().to_string();
    let sent = Command::new("kill").args(["-TERM", &id]).status().unwrap();
    assert!(sent.success());
}

/// With a certificate the port speaks nothing but TLS, browsers are told to insist on it, and the
/// session's cookie never travels in the open. Who does not know the authority does not go on.
#[test]
fn a_certificate_makes_the_port_encrypted() {
    let demo = Demo::month_database();
    let authority = Authority::new();
    let (chain, key) = (authority.at("chain.pem"), authority.at("key.pem"));
    let files = [
        "--tls-cert",
        chain.to_str().unwrap(),
        "--tls-key",
        key.to_str().unwrap(),
    ];
    let (mut server, address) = demo.huimin("admin").serve_with(&files);
    let trusted = [authority.at("ca.pem")];
    let health = asked(&mut encrypted(address, &trusted), "/healthz").unwrap();
    assert!(health.starts_with("HTTP/1.1 200"), "{health}");
    let door = asked(&mut encrypted(address, &trusted), "/login").unwrap();
    let headers = door.split("\r\n\r\n").next().unwrap().to_lowercase();
    assert!(
        headers.contains("strict-transport-security: max-age="),
        "{headers}"
    );
    let cookie = headers.lines().find(|line| line.starts_with("set-cookie"));
    assert!(cookie.unwrap().contains("; secure"), "{headers}");

    let stranger = asked(&mut encrypted(address, &[]), "/healthz").unwrap_err();
    assert!(stranger.to_string().contains("UnknownIssuer"), "{stranger}");
    let mut plain = TcpStream::connect(address).unwrap();
    plain.set_read_timeout(Some(PATIENCE)).unwrap();
    let open = asked(&mut plain, "/healthz").unwrap_or_default();
    assert!(!open.contains("200 OK"), "{open}");

    ask_to_end(&server);
    assert!(server.wait().unwrap().success());
    // A key that belongs to another certificate is refused at the start.
    let other = Authority::new();
    let key = other.at("key.pem");
    let refused = demo.huimin("admin").run_args(&[
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--tls-cert",
        chain.to_str().unwrap(),
        "--tls-key",
        key.to_str().unwrap(),
    ]);
    assert_ne!(refused.status, 0);
    assert!(refused.stderr.contains("chain.pem"), "{}", refused.stderr);
}

/// Asked to end, the server takes no new connection, answers what is under way, and ends well.
#[test]
fn what_is_under_way_is_answered_before_the_end() {
    let demo = Demo::month_database();
    let admin = demo.huimin("admin");
    let token = admin.done("token add 示例")["token"]
        .as_str()
        .unwrap()
        .to_owned();
    let (mut server, address) = admin.serve();
    let body =
        r#"{"login":"late","name":"测试迟","roles":["maker"],"password":"late-late-9-late"}"#;
    let (first, last) = body.split_at(20);
    let mut begun = TcpStream::connect(address).unwrap();
    begun.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = format!(
        "POST /api/v1/users HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{first}",
        body.len()
    );
    begun.write_all(head.as_bytes()).unwrap();
    // The server has taken the request up when it answers another one that came later.
    let mut other = TcpStream::connect(address).unwrap();
    other.set_read_timeout(Some(PATIENCE)).unwrap();
    assert!(asked(&mut other, "/healthz").unwrap().contains("200 OK"));
    ask_to_end(&server);
    while TcpStream::connect(address).is_ok() {
        assert!(server.try_wait().unwrap().is_none(), "it ended too early");
        std::thread::yield_now();
    }
    begun.write_all(last.as_bytes()).unwrap();
    let mut answer = String::new();
    begun.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(server.wait().unwrap().success(), "an orderly end");
    let users = admin.done("user list");
    assert!(users.to_string().contains("\"late\""), "{users}");
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// What the Debian package names is there, and what service and container are set up with are
/// variables of the program.
#[test]
fn what_is_packed_is_there() {
    let api = root().join("api");
    let manifest = std::fs::read_to_string(api.join("Cargo.toml")).unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    let package = &manifest["package"]["metadata"]["deb"];
    let text = |value: &toml::Value| value.as_str().unwrap().to_owned();
    for asset in package["assets"].as_array().unwrap() {
        let source = text(&asset[0]);
        let is_program = source == "target/release/huimin";
        assert!(is_program || api.join(&source).is_file(), "{source}");
    }
    assert!(api.join(text(&package["license-file"][0])).is_file());
    let scripts = api.join(text(&package["maintainer-scripts"]));
    let unit = text(&package["systemd-units"]["unit-name"]);
    assert!(scripts.join("postinst").is_file());
    let service = std::fs::read_to_string(scripts.join(format!("{unit}.service"))).unwrap();
    let settings = std::fs::read_to_string(scripts.join("huimin.env")).unwrap();
    let container = std::fs::read_to_string(root().join("Dockerfile")).unwrap();
    let kept = text(&package["conf-files"][0]);
    assert!(service.contains(&format!("EnvironmentFile={kept}")));
    let profiles = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    assert!(container.contains("--profile dist") && profiles.contains("[profile.dist]"));

    let demo = Demo::month_database();
    let help = demo.huimin("admin").run_args(&["serve", "--help"]).stdout;
    let set: BTreeSet<&str> = [&settings, &container]
        .into_iter()
        .flat_map(|text| text.split(|c: char| !c.is_ascii_uppercase() && c != '_'))
        .filter(|word| word.starts_with("HUIMIN_"))
        .collect();
    assert!(set.len() >= 6, "{set:?}");
    for name in set {
        assert!(
            help.contains(name),
            "{name} is no variable of `huimin serve`: {help}"
        );
    }
}
