//! Layouts that are messages, each with a reader and where needed a writer of its own.
//!
//! A profile of kind `xml` or `tagged` names its codec; what is left to data are the bank's codes
//! (`[codes]`), the purpose codes by function code (`[purpose_codes]`), limits and words. A codec
//! gives the same records and findings as every other layout does.

mod boc;
mod camt;
mod ccb;
mod cmb;
mod cnaps;
mod icbc;
mod mof;
mod mof_answer;
mod mt940;
mod pain001;
mod pain002;
mod reading;
mod writing;

use ledger::money::Fen;
use serde::Deserialize;

use crate::finding::{Fault, Findings};
use crate::profile::{Kind, Profile, Use};
use crate::record::{BatchHead, Instruction, ReturnFile, StatementFile};
use crate::xml::root_of;

pub(crate) use mof_answer::compare as compare_vouchers;

use reading::Reading;

/// The message of a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Codec {
    /// 财政直接支付凭证 5201 with its 批量业务支付明细 8207.
    MofVoucher,
    /// The bank's answer to both.
    MofAnswer,
    /// 收款银行退款通知 2252.
    MofRefund,
    /// Customer credit transfer initiation, version 03.
    #[serde(rename = "pain.001.001.03")]
    Pain00103,
    /// Version 09.
    #[serde(rename = "pain.001.001.09")]
    Pain00109,
    /// Version 11.
    #[serde(rename = "pain.001.001.11")]
    Pain00111,
    /// Customer payment status report, all versions from 03.
    #[serde(rename = "pain.002")]
    Pain002,
    /// Bank to customer statement, and the account report of the same shape (camt.052).
    #[serde(rename = "camt.053")]
    Camt053,
    /// Debit credit notification: payments that came back.
    #[serde(rename = "camt.054")]
    Camt054,
    /// 工行银企互联 PAYPER.
    IcbcPayper,
    /// Its query QPAYPER.
    IcbcQpayper,
    /// 建行外联平台 6W2104: the failures of a batch.
    #[serde(rename = "ccb-6w2104")]
    Ccb6w2104,
    /// 招行 NTAGCAPY.
    CmbNtagcapy,
    /// Its details NTAGDINF.
    CmbNtagdinf,
    /// Its returned payments NTAGDRFD.
    CmbNtagdrfd,
    /// 中行 b2e0078.
    BocB2e0078,
    /// 批量代付 beps.382; read only.
    #[serde(rename = "beps.382")]
    Beps382,
    /// 批量代付回执 beps.383.
    #[serde(rename = "beps.383")]
    Beps383,
    /// 通用处理确认 ccms.900.
    #[serde(rename = "ccms.900")]
    Ccms900,
    /// 通信级确认 ccms.990.
    #[serde(rename = "ccms.990")]
    Ccms990,
    /// Customer statement of SWIFT.
    Mt940,
}

impl Codec {
    /// The kind and use of its profiles.
    pub(crate) fn nature(self) -> (Kind, Use) {
        use Codec::{
            Beps382, Beps383, BocB2e0078, Camt053, Camt054, Ccb6w2104, Ccms900, Ccms990,
            CmbNtagcapy, CmbNtagdinf, CmbNtagdrfd, IcbcPayper, IcbcQpayper, MofAnswer, MofRefund,
            MofVoucher, Mt940, Pain002, Pain00103, Pain00109, Pain00111,
        };
        match self {
            MofVoucher | Pain00103 | Pain00109 | Pain00111 | IcbcPayper | CmbNtagcapy
            | BocB2e0078 | Beps382 => (Kind::Xml, Use::Batch),
            MofAnswer | MofRefund | Pain002 | Camt054 | IcbcQpayper | Ccb6w2104 | CmbNtagdinf
            | CmbNtagdrfd | Beps383 | Ccms900 | Ccms990 => (Kind::Xml, Use::Return),
            Camt053 => (Kind::Xml, Use::Statement),
            Mt940 => (Kind::Tagged, Use::Statement),
        }
    }

    /// Elements that the message is known to have and that say nothing about a payment. Others
    /// that nobody reads are reported.
    pub(crate) fn is_known(self, element: &str) -> bool {
        use Codec::{
            Beps382, Beps383, BocB2e0078, Ccb6w2104, Ccms900, Ccms990, CmbNtagcapy, CmbNtagdinf,
            CmbNtagdrfd, IcbcPayper, IcbcQpayper, MofAnswer, MofRefund, MofVoucher,
        };
        let known = match self {
            MofVoucher | MofAnswer | MofRefund => mof::KNOWN,
            IcbcPayper | IcbcQpayper => icbc::KNOWN,
            Ccb6w2104 => ccb::KNOWN,
            CmbNtagcapy | CmbNtagdinf | CmbNtagdrfd => cmb::KNOWN,
            BocB2e0078 => boc::KNOWN,
            Beps382 | Beps383 | Ccms900 | Ccms990 => cnaps::KNOWN,
            _ => "",
        };
        known.split_ascii_whitespace().any(|name| name == element)
    }

    /// True for messages that only come from banks' own systems.
    pub(crate) fn is_read_only(self) -> bool {
        self == Codec::Beps382
    }

    /// Whether a text may be this message, by its first element or marks.
    fn knows(self, text: &str) -> bool {
        let (name, namespace) = root_of(text).unwrap_or_default();
        let iso = |message: &str| namespace.contains(message);
        let bank = |root: &str, mark: &str| name == root && text.contains(mark);
        match self {
            Codec::MofVoucher => name == "MOF" && mof::is_of(text, "5201", "0"),
            Codec::MofAnswer => name == "MOF" && mof::is_of(text, "8207", "1"),
            Codec::MofRefund => name == "MOF" && mof::is_of(text, "2252", ""),
            Codec::Pain00103 => iso("pain.001.001.03"),
            Codec::Pain00109 => iso("pain.001.001.09"),
            Codec::Pain00111 => iso("pain.001.001.11"),
            Codec::Pain002 => iso("pain.002.001."),
            Codec::Camt053 => iso("camt.053.001.") || iso("camt.052.001."),
            Codec::Camt054 => iso("camt.054.001."),
            Codec::IcbcPayper => bank("CMS", ">PAYPER<"),
            Codec::IcbcQpayper => bank("CMS", ">QPAYPER<"),
            Codec::Ccb6w2104 => bank("TX", ">6W2104<"),
            Codec::CmbNtagcapy => bank("CMBSDKPGK", ">NTAGCAPY<") && text.contains("<NTAGCDTLY1"),
            Codec::CmbNtagdinf => bank("CMBSDKPGK", ">NTAGDINF<"),
            Codec::CmbNtagdrfd => bank("CMBSDKPGK", ">NTAGDRFD<"),
            Codec::BocB2e0078 => bank("bocb2e", "<b2e0078-rq"),
            Codec::Beps382 => iso("beps.382.001."),
            Codec::Beps383 => iso("beps.383.001."),
            Codec::Ccms900 => iso("ccms.900.001."),
            Codec::Ccms990 => iso("ccms.990.001."),
            Codec::Mt940 => mt940::is_one(text),
        }
    }
}

/// Profiles whose codec knows the file, by its first bytes.
pub(crate) fn knowing<'a>(profiles: &'a [Profile], bytes: &[u8]) -> Vec<&'a Profile> {
    /// The root, the head and the first voucher's marks are inside.
    const GLANCE: usize = 16 << 10;
    let head = bytes.get(..bytes.len().min(GLANCE)).unwrap_or_default();
    let is_message = |text: &str| {
        let text = text.trim_start_matches('\u{feff}').trim_start();
        text.starts_with(['<', '{', ':'])
    };
    // Marks are ASCII, so that it does not matter how the rest is encoded.
    let text: String = head.iter().map(|byte| char::from(*byte)).collect();
    let text = text.strip_prefix("\u{ef}\u{bb}\u{bf}").unwrap_or(&text);
    if !is_message(text) {
        return Vec::new();
    }
    let knows = |profile: &&Profile| profile.codec.is_some_and(|codec| codec.knows(text));
    profiles.iter().filter(knows).collect()
}

/// The lines of a batch with the control totals checked.
pub(crate) fn read_batch(
    profile: &Profile,
    codec: Codec,
    bytes: &[u8],
    findings: &mut Findings,
) -> Vec<Instruction> {
    let mut reading = Reading::new(profile, findings);
    match codec {
        Codec::MofVoucher => mof::read(&mut reading, bytes),
        Codec::Pain00103 | Codec::Pain00109 | Codec::Pain00111 => {
            pain001::read(&mut reading, codec, bytes)
        }
        Codec::IcbcPayper => icbc::read(&mut reading, bytes),
        Codec::CmbNtagcapy => cmb::read(&mut reading, bytes),
        Codec::BocB2e0078 => boc::read(&mut reading, bytes),
        Codec::Beps382 => cnaps::read(&mut reading, bytes),
        _ => Vec::new(),
    }
}

/// The bytes of a batch; the caller has checked what holds for every layout.
pub(crate) fn write_batch(
    profile: &Profile,
    codec: Codec,
    head: &BatchHead,
    (lines, total): (&[Instruction], Fen),
    findings: &mut Findings,
) -> Option<Vec<u8>> {
    if codec.is_read_only() {
        findings.file(Fault::ProfileUse, &[("profile", &profile.id)]);
        return None;
    }
    let mut writing = writing::Writing {
        profile,
        head,
        lines,
        total,
        findings,
    };
    let bytes = match codec {
        Codec::MofVoucher => mof::write(&mut writing),
        Codec::Pain00103 | Codec::Pain00109 | Codec::Pain00111 => {
            let text = pain001::write(&mut writing, codec);
            writing.encode(&text)
        }
        Codec::IcbcPayper => {
            let text = icbc::write(&mut writing);
            writing.encode(&text)
        }
        Codec::CmbNtagcapy => {
            let text = cmb::write(&mut writing);
            writing.encode(&text)
        }
        Codec::BocB2e0078 => {
            let text = boc::write(&mut writing);
            writing.encode(&text)
        }
        _ => None,
    }?;
    if !findings.is_empty() {
        return None;
    }
    let mut faults = Findings::default();
    let back = read_batch(profile, codec, &bytes, &mut faults);
    let carried = |line: &Instruction| carried(codec, line.clone());
    let same = back.len() == lines.len()
        && back
            .iter()
            .zip(lines)
            .all(|(b, l)| carried(b) == carried(l));
    if !same || faults.is_blocked() {
        findings.file(Fault::NotReadBack, &[]);
        return None;
    }
    Some(bytes)
}

/// A line without the fields that a message has no place for.
fn carried(codec: Codec, mut line: Instruction) -> Instruction {
    match codec {
        Codec::MofVoucher => {
            line.bank_no = String::new();
            line.sequence = 0;
        }
        Codec::CmbNtagcapy => line.bank_no = String::new(),
        _ => {}
    }
    line
}

/// The bank's answer, without its hash.
pub(crate) fn read_return(
    profile: &Profile,
    codec: Codec,
    bytes: &[u8],
    findings: &mut Findings,
) -> ReturnFile {
    let mut reading = Reading::new(profile, findings);
    match codec {
        Codec::MofAnswer => mof_answer::read(&mut reading, bytes),
        Codec::MofRefund => mof_answer::read_refund(&mut reading, bytes),
        Codec::Pain002 => pain002::read(&mut reading, bytes),
        Codec::Camt054 => camt::read_notice(&mut reading, bytes),
        Codec::IcbcQpayper => icbc::read_answer(&mut reading, bytes),
        Codec::Ccb6w2104 => ccb::read_answer(&mut reading, bytes),
        Codec::CmbNtagdinf => cmb::read_answer(&mut reading, bytes),
        Codec::CmbNtagdrfd => cmb::read_refunds(&mut reading, bytes),
        Codec::Beps383 => cnaps::read_answer(&mut reading, bytes),
        Codec::Ccms900 | Codec::Ccms990 => cnaps::read_confirmation(&mut reading, codec, bytes),
        _ => ReturnFile::empty(),
    }
}

/// A statement, without its hash.
pub(crate) fn read_statement(
    profile: &Profile,
    codec: Codec,
    bytes: &[u8],
    findings: &mut Findings,
) -> StatementFile {
    let mut reading = Reading::new(profile, findings);
    match codec {
        Codec::Camt053 => camt::read_statement(&mut reading, bytes),
        Codec::Mt940 => mt940::read(&mut reading, bytes),
        _ => StatementFile::empty(),
    }
}
