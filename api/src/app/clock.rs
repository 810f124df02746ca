//! The clock and the source of salts: the two things from outside that a command needs.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use ledger::audit::hex::{document_hash, encode};
use ledger::calendar::{Date, Moment};

/// Where the time comes from.
#[derive(Debug)]
pub enum Clock {
    /// The machine.
    System,
    /// Whatever was set last: for the demo and for tests.
    Set(AtomicI64),
    /// The machine, so many microseconds away: the pages of the demo go on where its story ends.
    Shifted(i64),
}

impl Clock {
    /// A clock that shows this moment until it is set again.
    pub fn fixed(moment: Moment) -> Clock {
        Clock::Set(AtomicI64::new(moment.0))
    }

    /// A clock that shows this moment now and goes on from there.
    pub fn from(moment: Moment) -> Clock {
        Clock::Shifted(moment.0 - system_now())
    }

    /// Now.
    pub fn now(&self) -> Moment {
        match self {
            Clock::System => Moment(system_now()),
            Clock::Set(moment) => Moment(moment.load(Ordering::SeqCst)),
            Clock::Shifted(away) => Moment(system_now() + away),
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
    moment.date().unwrap_or(Date::MIN)
}

/// A moment as people in China read it, to the minute: `2022-01-09 09:00`.
pub fn china_time(moment: Moment) -> String {
    chrono::DateTime::from_timestamp_micros(moment.0 + Moment::CHINA_OFFSET)
        .map_or_else(String::new, |time| {
            time.format("%Y-%m-%d %H:%M").to_string()
        })
}

/// The same to the second: `2022-01-09 09:00:00`.
pub fn china_second(moment: Moment) -> String {
    chrono::DateTime::from_timestamp_micros(moment.0 + Moment::CHINA_OFFSET)
        .map_or_else(String::new, |time| {
            time.format("%Y-%m-%d %H:%M:%S").to_string()
        })
}

/// The moment at which an hour begins on a day in China.
pub fn moment_at(date: Date, hour: u32, minute: u32) -> Moment {
    let micros = date
        .and_hms_opt(hour, minute, 0)
        .map_or(0, |time| time.and_utc().timestamp_micros());
    Moment(micros - Moment::CHINA_OFFSET)
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
    System(Mutex<Box<Page>>),
    /// A seed, so that the demo gives the same bytes each time. Each salt is a function of what
    /// it is for, not of how many were drawn before.
    Seeded(String, AtomicU64),
}

/// Random bytes fetched from the operating system by the page, one call for 256 salts, and wiped
/// as they are handed out.
#[derive(Debug)]
pub struct Page {
    bytes: [u8; 4096],
    used: usize,
}

impl Page {
    fn salt(&mut self) -> Result<[u8; 16], anyhow::Error> {
        if self.used == self.bytes.len() {
            getrandom::fill(&mut self.bytes)
                .map_err(|error| anyhow::anyhow!("no random bytes: {error}"))?;
            self.used = 0;
        }
        let mut salt = [0; 16];
        salt.swap_with_slice(&mut self.bytes[self.used..self.used + 16]);
        self.used += 16;
        Ok(salt)
    }
}

impl Entropy {
    /// The operating system's.
    pub fn system() -> Entropy {
        Entropy::System(Mutex::new(Box::new(Page {
            bytes: [0; 4096],
            used: 4096,
        })))
    }

    /// Salts that follow from a seed.
    pub fn seeded(seed: &str) -> Entropy {
        Entropy::Seeded(seed.to_owned(), AtomicU64::new(0))
    }

    /// 16 bytes for one value. `purpose` names the value and matters only with a seed.
    ///
    /// # Errors
    /// When the operating system gives none.
    pub fn salt(&self, purpose: &str) -> Result<[u8; 16], anyhow::Error> {
        match self {
            Entropy::System(page) => page.lock().unwrap_or_else(PoisonError::into_inner).salt(),
            Entropy::Seeded(seed, _) => {
                let mut salt = [0; 16];
                let hash = document_hash(format!("{seed}/{purpose}").as_bytes());
                salt.copy_from_slice(&hash[..16]);
                Ok(salt)
            }
        }
    }

    /// Like [`Entropy::salt`], for many values: the purpose is worded only when it matters.
    ///
    /// # Errors
    /// When the operating system gives none.
    pub fn salt_for(&self, purpose: impl Fn() -> String) -> Result<[u8; 16], anyhow::Error> {
        match self {
            Entropy::System(_) => self.salt(""),
            Entropy::Seeded(..) => self.salt(&purpose()),
        }
    }

    /// A key for a command whose caller gave none.
    pub fn key(&self) -> String {
        match self {
            Entropy::System(_) => {
                let salt = self.salt("").unwrap_or_default();
                format!("auto-{}", encode(&salt))
            }
            Entropy::Seeded(_, made) => format!("auto-{}", made.fetch_add(1, Ordering::SeqCst)),
        }
    }
}
