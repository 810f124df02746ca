//! Typed ids: 64-bit numbers, allotted per book from a counter, dense and ascending.
//!
//! One registry, so that a run can never be passed where a batch is meant.

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub i64);

        impl $name {
            /// The number as stored.
            pub fn get(self) -> i64 { self.0 }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(out)
            }
        }
    )* };
}

ids! {
    /// 账套: one agency's set of books.
    BookId,
    /// A user of one book.
    UserId,
    /// A token of a program that uses the REST interface.
    TokenId,
    /// Long work that a worker does.
    JobId,
    /// 指标: one quota letter.
    AppropriationId,
    /// The agency's account at a bank.
    BankAccountId,
    /// 救助项目.
    ProgramId,
    /// 发放项目: the fund category.
    ComponentId,
    /// 保障标准.
    StandardId,
    /// A household, person or institution: one number space, so that a subject is one column.
    PartyId,
    /// 核定: what a party was approved for.
    AwardId,
    /// 发放批次.
    RunId,
    /// 发放明细.
    PaymentId,
    /// 追缴, in the number series of payments.
    RecoveryId,
    /// 代发批.
    BatchId,
    /// A stored file, in or out.
    FileId,
    /// 回盘: one imported answer of a bank.
    ReturnId,
    /// 对账单.
    StatementId,
    /// 差异.
    ExceptionId,
    /// A change of a rule that takes two people.
    ProposalId,
    /// 异议 against a published list.
    ObjectionId,
    /// An account of the ledger with its dimensions.
    AccountId,
    /// 记账凭证.
    VoucherId,
    /// 分录.
    TransferId,
}
