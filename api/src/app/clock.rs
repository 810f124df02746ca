//! The clock and the source of salts: the two things from outside that a command needs.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use ledger::audit::hex::{document_hash, encode};
use ledger::calendar::{Date, Moment};

/// Chinese time, UTC+8 all year, in microseconds.
const CHINA_OFFSET: i64 = 8 * 3600 * 1_000_000;

/// Where the time comes from.
#[derive(Debug)]
pub enum Clock {
    /// The machine.
    System,
    /// Whatever was set last: for the demo and for tests.
    Set(AtomicI64),
}

impl Clock {
    /// A clock that shows this moment until it is set again.
    pub fn fixed(moment: Moment) -> Clock {
        Clock::Set(AtomicI64::new(moment.0))
    }

    /// Now.
    pub fn now(&self) -> Moment {
        match self {
            Clock::System => Moment(system_now()),
            Clock::Set(moment) => Moment(moment.load(Ordering::SeqCst)),
        }
    }

    /// Sets a clock that can be set; the machine's goes its own way.
    pub fn set(&self, moment: Moment) {
        if let Clock::Set(shown) = self {
            shown.store(moment.0, Ordering::SeqCst);
        }
    }

    /// The business date: today in China.
    pub fn today(&self) -> Date {
        date_of(self.now())
    }
}

/// The date in China at a moment.
pub fn date_of(moment: Moment) -> Date {
    chrono::DateTime::from_timestamp_micros(moment.0 + CHINA_OFFSET)
        .map_or(Date::MIN, |time| time.date_naive())
}

/// The moment at which an hour begins on a day in China.
pub fn moment_at(date: Date, hour: u32, minute: u32) -> Moment {
    let micros = date
        .and_hms_opt(hour, minute, 0)
        .map_or(0, |time| time.and_utc().timestamp_micros());
    Moment(micros - CHINA_OFFSET)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the machine's clock"
)]
fn system_now() -> i64 {
    chrono::Utc::now().timestamp_micros()
}

/// Where salts and made-up keys come from.
#[derive(Debug)]
pub enum Entropy {
    /// The operating system.
    System,
    /// A seed, so that the demo gives the same bytes each time. Each salt is a function of what
    /// it is for, not of how many were drawn before.
    Seeded(String, AtomicU64),
}

impl Entropy {
    /// Salts that follow from a seed.
    pub fn seeded(seed: &str) -> Entropy {
        Entropy::Seeded(seed.to_owned(), AtomicU64::new(0))
    }

    /// 16 bytes for one value. `purpose` names the value and matters only with a seed.
    ///
    /// # Errors
    /// When the operating system gives none.
    pub fn salt(&self, purpose: &str) -> Result<[u8; 16], anyhow::Error> {
        let mut salt = [0; 16];
        match self {
            Entropy::System => getrandom::fill(&mut salt)
                .map_err(|error| anyhow::anyhow!("no random bytes: {error}"))?,
            Entropy::Seeded(seed, _) => {
                let hash = document_hash(format!("{seed}/{purpose}").as_bytes());
                salt.copy_from_slice(&hash[..16]);
            }
        }
        Ok(salt)
    }

    /// Like [`Entropy::salt`], for many values: the purpose is worded only when it matters.
    ///
    /// # Errors
    /// When the operating system gives none.
    pub fn salt_for(&self, purpose: impl Fn() -> String) -> Result<[u8; 16], anyhow::Error> {
        match self {
            Entropy::System => self.salt(""),
            Entropy::Seeded(..) => self.salt(&purpose()),
        }
    }

    /// A key for a command whose caller gave none.
    pub fn key(&self) -> String {
        match self {
            Entropy::System => {
                let salt = self.salt("").unwrap_or_default();
                format!("auto-{}", encode(&salt))
            }
            Entropy::Seeded(_, made) => format!("auto-{}", made.fetch_add(1, Ordering::SeqCst)),
        }
    }
}
