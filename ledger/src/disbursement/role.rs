//! Roles, what excludes what, and what each role may do.

use crate::account::coded;
use crate::problem::{Kind, Problem};

coded! {
    /// What a person is in the agency.
    pub enum Role {
        /// Prepares rosters and runs.
        Maker "maker" "经办",
        /// Checks what the maker prepared.
        Reviewer "reviewer" "复核",
        /// Says yes or no.
        Approver "approver" "审批",
        /// Releases files to the bank.
        Cashier "cashier" "出纳",
        /// Keeps the books.
        Accountant "accountant" "会计",
        /// Reads everything, changes nothing.
        Auditor "auditor" "审计",
        /// Reads reports.
        Manager "manager" "主管",
        /// Keeps users and the machine; never acts on money.
        Admin "admin" "管理员",
    }
}

/// Whether one person may hold these roles. Refused with `RoleConflict`, naming the first pair.
///
/// Auditor and administrator exclude every other role. A person is at most one of maker, reviewer,
/// approver and cashier. The cashier keeps no books (会计法: 出纳不得兼任账目的登记工作).
pub fn conflicts(roles: &[Role]) -> Result<(), Problem> {
    for (position, first) in roles.iter().enumerate() {
        for second in roles.iter().skip(position + 1) {
            if exclude(*first, *second) {
                return Err(Problem::new(Kind::RoleConflict)
                    .with("first", first.name())
                    .with("second", second.name()));
            }
        }
    }
    Ok(())
}

fn exclude(first: Role, second: Role) -> bool {
    let alone = |role| matches!(role, Role::Auditor | Role::Admin);
    let acts = |role| {
        matches!(
            role,
            Role::Maker | Role::Reviewer | Role::Approver | Role::Cashier
        )
    };
    let cash_and_books = [
        (Role::Cashier, Role::Accountant),
        (Role::Accountant, Role::Cashier),
    ];
    first != second
        && (alone(first)
            || alone(second)
            || acts(first) && acts(second)
            || cash_and_books.contains(&(first, second)))
}

coded! {
    /// What a person can ask for.
    pub enum Action {
        /// Add, change and disable users.
        ManageUsers "manage-users" "管理用户",
        /// Back up, restore, start and stop.
        Operate "operate" "系统运维",
        /// Enter programs, components, standards and bank accounts; takes two people.
        ManagePolicy "manage-policy" "维护政策",
        /// Enter quota letters.
        EnterAppropriation "enter-appropriation" "录入指标",
        /// Import a roster, change awards and payee accounts.
        ImportRoster "import-roster" "导入名册",
        /// Create, calculate, check, submit and discard runs.
        MakeRun "make-run" "制作批次",
        /// Review or reject a run.
        ReviewRun "review-run" "复核批次",
        /// Approve or reject a run, or take an approval back.
        ApproveRun "approve-run" "审批批次",
        /// Receive or settle an objection to a published list; takes two people.
        HandleObjection "handle-objection" "办理异议",
        /// Write the batch files, also of re-pay.
        ReleaseRun "release-run" "签发代发文件",
        /// Settle and close a run.
        CloseRun "close-run" "结清批次",
        /// Import a return file.
        ImportReturn "import-return" "导入回盘",
        /// Import a statement and reconcile the bank; not for the cashier.
        ImportStatement "import-statement" "导入对账单",
        /// Propose or confirm the resolution of an exception; takes two people.
        ResolveException "resolve-exception" "处理差异",
        /// Make a failed or refunded payment due again.
        RepayPayment "repay-payment" "补发",
        /// Say that what made a payment fail is gone, so that it may be tried again with the same
        /// account; takes two people.
        ClearPayment "clear-payment" "准予补发",
        /// Cancel a payment for good; takes two people.
        CancelPayment "cancel-payment" "取消发放",
        /// Say that an overpayment is owed back, plan how, and propose to write it off.
        MakeRecovery "make-recovery" "提出追缴",
        /// Confirm or turn down what another person proposed of a recovery.
        ConfirmRecovery "confirm-recovery" "确认追缴",
        /// Post or reverse a voucher by hand; reversing takes two people.
        PostVoucher "post-voucher" "记账",
        /// Close a month.
        CloseMonth "close-month" "月结",
        /// Read lists and reports with masked names.
        ReadReports "read-reports" "查看报表",
        /// Read the audit trail and take evidence away.
        ReadAudit "read-audit" "查看审计轨迹",
        /// Verify the audit trail.
        VerifyAudit "verify-audit" "验证审计轨迹",
        /// See identity and account numbers in full, with a reason that is recorded.
        RevealPersonal "reveal-personal" "查看完整个人信息",
    }
}

/// Who may do what: one row for each action.
pub const PERMISSIONS: &[(Action, &[Role])] = {
    use Role::{Accountant, Admin, Approver, Auditor, Cashier, Maker, Manager, Reviewer};
    &[
        (Action::ManageUsers, &[Admin]),
        (Action::Operate, &[Admin]),
        (Action::ManagePolicy, &[Maker, Reviewer, Accountant]),
        (Action::EnterAppropriation, &[Maker, Accountant]),
        (Action::ImportRoster, &[Maker]),
        (Action::MakeRun, &[Maker]),
        (Action::ReviewRun, &[Reviewer]),
        (Action::ApproveRun, &[Approver]),
        (Action::HandleObjection, &[Maker, Reviewer, Approver]),
        (Action::ReleaseRun, &[Cashier]),
        (Action::CloseRun, &[Accountant]),
        (Action::ImportReturn, &[Cashier, Accountant]),
        (Action::ImportStatement, &[Accountant, Maker]),
        (Action::ResolveException, &[Maker, Reviewer, Accountant]),
        (Action::RepayPayment, &[Maker]),
        (Action::ClearPayment, &[Maker, Reviewer]),
        (Action::CancelPayment, &[Maker, Reviewer]),
        (Action::MakeRecovery, &[Maker, Accountant]),
        (Action::ConfirmRecovery, &[Reviewer, Approver]),
        (Action::PostVoucher, &[Accountant]),
        (Action::CloseMonth, &[Accountant]),
        (
            Action::ReadReports,
            &[
                Maker, Reviewer, Approver, Cashier, Accountant, Auditor, Manager,
            ],
        ),
        (Action::ReadAudit, &[Auditor, Manager]),
        (Action::VerifyAudit, &[Auditor, Manager, Admin]),
        (
            Action::RevealPersonal,
            &[Maker, Reviewer, Approver, Auditor],
        ),
    ]
};

/// The roles that may do this.
pub fn allowed(action: Action) -> &'static [Role] {
    PERMISSIONS
        .iter()
        .find(|(known, _)| *known == action)
        .map_or(&[], |(_, roles)| roles)
}

/// Whether somebody with these roles may do this.
pub fn may(roles: &[Role], action: Action) -> bool {
    roles.iter().any(|role| allowed(action).contains(role))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_has_one_row() {
        assert_eq!(PERMISSIONS.len(), Action::ALL.len());
        for action in Action::ALL {
            assert!(!allowed(*action).is_empty(), "{action:?}");
            assert_eq!(Action::from_code(action.code()), Some(*action));
        }
    }

    #[test]
    fn administrators_never_act_on_money_and_auditors_change_nothing() {
        let of = |role| -> Vec<Action> {
            Action::ALL
                .iter()
                .copied()
                .filter(|action| may(&[role], *action))
                .collect()
        };
        assert_eq!(
            of(Role::Admin),
            [Action::ManageUsers, Action::Operate, Action::VerifyAudit]
        );
        let reading = [
            Action::ReadReports,
            Action::ReadAudit,
            Action::VerifyAudit,
            Action::RevealPersonal,
        ];
        assert_eq!(of(Role::Auditor), reading);
        assert_eq!(of(Role::Manager), reading[..3]);
    }

    #[test]
    fn which_roles_exclude_which() {
        let mut text = String::new();
        for first in Role::ALL {
            let excluded: Vec<_> = Role::ALL
                .iter()
                .filter(|second| conflicts(&[*first, **second]).is_err())
                .map(|role| role.code())
                .collect();
            text += &format!("{}: {}\n", first.code(), excluded.join(" "));
        }
        assert_eq!(
            text,
            "maker: reviewer approver cashier auditor admin\n\
             reviewer: maker approver cashier auditor admin\n\
             approver: maker reviewer cashier auditor admin\n\
             cashier: maker reviewer approver accountant auditor admin\n\
             accountant: cashier auditor admin\n\
             auditor: maker reviewer approver cashier accountant manager admin\n\
             manager: auditor admin\n\
             admin: maker reviewer approver cashier accountant auditor manager\n"
        );
        assert!(conflicts(&[]).is_ok());
        assert!(conflicts(&[Role::Maker, Role::Accountant, Role::Manager]).is_ok());
    }
}
