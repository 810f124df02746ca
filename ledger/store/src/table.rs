//! The sealed tables: their columns in stored order, keys and private columns.
//!
//! Every append-only table stands here, so that one writer ([`crate::write`]) seals them all and
//! one verifier ([`crate::verify`]) checks them all. To add a table: write its twin migrations and
//! add it here; a test compares this list with both databases.

use ledger::audit::row::RowSpec;

/// One append-only table.
#[derive(Debug)]
pub struct Table {
    /// Name, sealed columns, key, private columns: what the row's leaf hash covers.
    pub spec: RowSpec,
    /// All columns in the order in which rows are loaded: the sealed ones, `entry`, `seal`, and
    /// what is sealed through another column.
    pub columns: &'static [&'static str],
    /// Reads every row of a book in key order: the columns above but those after `seal`.
    pub select: &'static str,
}

macro_rules! tables {
    ($($name:ident $table:literal key($($key:literal $order:literal),+)
        ($($column:ident)+)
        private($($private:literal),*) salt($salt:expr) beside($($beside:ident)*);
    )+) => {
        $(
            #[doc = concat!("The table `", $table, "`; its migration says what it holds.")]
            pub const $name: Table = Table {
                spec: RowSpec {
                    table: $table,
                    columns: &[$(stringify!($column)),+],
                    key: &[$($key),+],
                    private: &[$($private),*],
                    salt: $salt,
                },
                columns: &[$(stringify!($column),)+ "entry", "seal" $(, stringify!($beside))*],
                select: concat!(
                    "select ", $(stringify!($column), ", ",)+ "entry, seal from ", $table,
                    " where book_id = $1 order by book_id", $($order),+
                ),
            };
        )+

        /// Every sealed table.
        pub const ALL: &[&Table] = &[$(&$name),+];
    };
}

tables! {
    BOOK "book" key(0 "")
        (book_id code name region created_at)
        private() salt(None) beside();
    COMMAND "command" key(0 "", 1 ", command_key")
        (book_id command_key kind request answer)
        private() salt(None) beside();
    APP_USER "app_user" key(0 "", 1 ", user_id", 2 ", version")
        (book_id user_id version login name roles status)
        private() salt(None) beside();
    CREDENTIAL "credential" key(0 "", 1 ", user_id", 2 ", version")
        (book_id user_id version hash)
        private() salt(None) beside();
    BANK_ACCOUNT "bank_account" key(0 "", 1 ", bank_account_id")
        (book_id bank_account_id code bank_name bank_no account_no account_name
         debit_style batch_profile return_profile statement_profile)
        private() salt(None) beside();
    PROGRAM "program" key(0 "", 1 ", program_id")
        (book_id program_id code name function_code)
        private() salt(None) beside();
    COMPONENT "component" key(0 "", 1 ", component_id")
        (book_id component_id program_id code name scope cadence)
        private() salt(None) beside();
    STANDARD "standard" key(0 "", 1 ", standard_id")
        (book_id standard_id component_id tag from_month formula amount_fen rate
         reference rounding document)
        private() salt(None) beside();
    REFERENCE_AMOUNT "reference_amount" key(0 "", 1 ", code", 2 ", from_month")
        (book_id code from_month amount_fen document)
        private() salt(None) beside();
    APPROPRIATION "appropriation" key(0 "", 1 ", appropriation_id")
        (book_id appropriation_id document level budget_year function_code program_id
         bank_account_id amount_fen received_on priority)
        private() salt(None) beside();
    FUNDING_RULE "funding_rule" key(0 "", 1 ", program_id", 2 ", version")
        (book_id program_id version bank_account_id mode shares)
        private() salt(None) beside();
    AREA "area" key(0 "", 1 ", area_id")
        (book_id area_id township village)
        private() salt(None) beside();
    PARTY "party" key(0 "", 1 ", party_id")
        (book_id party_id kind area_id name reference_no salt)
        private(4, 5) salt(Some(6)) beside();
    PARTY_VERSION "party_version" key(0 "", 1 ", party_id", 2 ", from_month", 3 ", version")
        (book_id party_id from_month version area_id name salt)
        private(5) salt(Some(6)) beside();
    BRANCH "branch" key(0 "", 1 ", branch_id")
        (book_id branch_id name bank_no)
        private() salt(None) beside();
    PAYEE_ACCOUNT "payee_account" key(0 "", 1 ", payee_id", 2 ", version")
        (book_id payee_id version holder_name branch_id account_no salt)
        private(3, 5) salt(Some(6)) beside();
    AWARD "award" key(0 "", 1 ", award_id")
        (book_id award_id subject_id household_id payee_id component_id tag income_fen
         amount_fen basis from_month)
        private() salt(None) beside();
    AWARD_END "award_end" key(0 "", 1 ", award_id")
        (book_id award_id to_month reason)
        private() salt(None) beside();
    RUN "run" key(0 "", 1 ", run_id")
        (book_id run_id program_id kind month first_month last_month)
        private() salt(None) beside();
    RUN_DUTY "run_duty" key(0 "", 1 ", run_id", 2 ", user_id")
        (book_id run_id user_id duty)
        private() salt(None) beside();
    RUN_EVENT "run_event" key(0 "", 1 ", run_id", 2 ", n")
        (book_id run_id n event state revision user_id duty held_duty happened_at reason
         payment_first payment_last payments total_fen carried_fen fingerprint)
        private() salt(None) beside();
    PAYMENT "payment" key(0 "", 1 ", payment_id")
        (book_id payment_id run_id revision payee_id household_id area_id lines
         amount_fen)
        private() salt(None) beside();
    RE_PAY "re_pay" key(0 "", 1 ", run_id", 2 ", revision", 3 ", payment_id")
        (book_id run_id revision payment_id attempt_no prior_kind amount_fen)
        private() salt(None) beside();
    PAYMENT_LINE "payment_line" key(0 "", 1 ", payment_id", 2 ", line_no")
        (book_id payment_id line_no subject_id award_id component_id month n amount_fen
         reason)
        private() salt(None) beside();
    STORED_FILE "stored_file" key(0 "", 1 ", file_id")
        (book_id file_id kind name sha256 size)
        private() salt(None) beside(content);
    BATCH "batch" key(0 "", 1 ", batch_id")
        (book_id batch_id batch_no run_id bank_account_id profile file_id file_name
         sent_on payments total_fen)
        private() salt(None) beside();
    OUTCOME "outcome" key(0 "", 1 ", payment_id", 2 ", attempt_no", 3 ", step")
        (book_id payment_id attempt_no step kind source_id line_no reason reason_text
         bank_reference)
        private() salt(None) beside();
    ATTEMPT "attempt" key(0 "", 1 ", payment_id", 2 ", attempt_no")
        (book_id payment_id attempt_no kind batch_id line_no account_version
         appropriation_id)
        private() salt(None) beside();
    DRAW_PART "draw_part" key(0 "", 1 ", payment_id", 2 ", attempt_no", 3 ", part")
        (book_id payment_id attempt_no part appropriation_id amount_fen)
        private() salt(None) beside();
    RETURN_FILE "return_file" key(0 "", 1 ", return_id")
        (book_id return_id file_id batch_id profile content_hash lines paid failed
         pending repeated exceptions paid_fen imported_on)
        private() salt(None) beside();
    PENDING_ANSWER "pending_answer" key(0 "", 1 ", return_id", 2 ", line_no")
        (book_id return_id line_no payment_id attempt_no reason_text)
        private() salt(None) beside();
    STATEMENT "statement" key(0 "", 1 ", statement_id")
        (book_id statement_id file_id bank_account_id from_date to_date opening_fen
         closing_fen moved_fen lines content_hash)
        private() salt(None) beside();
    STATEMENT_LINE "statement_line" key(0 "", 1 ", statement_id", 2 ", line_no")
        (book_id statement_id line_no on_date amount_fen summary remark match_kind
         match_id attempt_no)
        private() salt(None) beside();
    STATEMENT_PART "statement_part" key(0 "", 1 ", statement_id", 2 ", line_no", 3 ", part")
        (book_id statement_id line_no part match_kind match_id amount_fen)
        private() salt(None) beside();
    STATEMENT_LINK "statement_link" key(0 "", 1 ", statement_id", 2 ", line_no", 3 ", part")
        (book_id statement_id line_no part parts match_kind match_id attempt_no amount_fen
         exception_id)
        private() salt(None) beside();
    REFUND_NOTICE "refund_notice" key(0 "", 1 ", notice_id")
        (book_id notice_id file_id profile content_hash lines returned repeated exceptions
         returned_fen imported_on)
        private() salt(None) beside();
    REFUND_RECEIPT "refund_receipt"
        key(0 "", 1 ", payment_id", 2 ", attempt_no", 3 ", statement_id")
        (book_id payment_id attempt_no statement_id line_no amount_fen)
        private() salt(None) beside();
    EXCEPTION "exception" key(0 "", 1 ", exception_id")
        (book_id exception_id kind source source_id line_no payment_id attempt_no
         amount_fen detail)
        private() salt(None) beside();
    EXCEPTION_EVENT "exception_event" key(0 "", 1 ", exception_id", 2 ", n")
        (book_id exception_id n event state user_id resolution note)
        private() salt(None) beside();
    ACCOUNT "account" key(0 "", 1 ", account_id")
        (book_id account_id code bank_account_id appropriation_id program_id
         component_id)
        private() salt(None) beside();
    VOUCHER "voucher" key(0 "", 1 ", voucher_id")
        (book_id voucher_id month number on_date summary maker_id checker_id source
         source_id reverses_id transfer_first transfers total_fen root)
        private() salt(None) beside();
    TRANSFER "transfer" key(0 "", 1 ", transfer_id")
        (book_id transfer_id voucher_id debit_id credit_id amount_fen payment_id
         attempt_no)
        private() salt(None) beside();
    PERIOD_CLOSE "period_close" key(0 "", 1 ", month")
        (book_id month user_id closed_at vouchers digest)
        private() salt(None) beside();
    CHECK_LIST "check_list" key(0 "", 1 ", list_id")
        (book_id list_id kind name file_id people imported_on)
        private() salt(None) beside();
    LISTED_PERSON "listed_person" key(0 "", 1 ", list_id", 2 ", row_no")
        (book_id list_id row_no reference_no name since salt)
        private(3, 4) salt(Some(6)) beside();
    PROGRAM_EXCLUSION "program_exclusion" key(0 "", 1 ", program_id", 2 ", other_id")
        (book_id program_id other_id document)
        private() salt(None) beside();
    RUN_FINDING "run_finding" key(0 "", 1 ", run_id", 2 ", n", 3 ", finding_no")
        (book_id run_id n finding_no check_code subject_id payment_id detail)
        private() salt(None) beside();
    RUN_EXPLANATION "run_explanation" key(0 "", 1 ", run_id", 2 ", n", 3 ", check_code")
        (book_id run_id n check_code user_id reason)
        private() salt(None) beside();
    RECOVERY "recovery" key(0 "", 1 ", recovery_id")
        (book_id recovery_id program_id household_id payee_id area_id first_month
         last_month amount_fen lines reason)
        private() salt(None) beside();
    RECOVERY_LINE "recovery_line" key(0 "", 1 ", recovery_id", 2 ", line_no")
        (book_id recovery_id line_no subject_id award_id component_id month amount_fen
         reason)
        private() salt(None) beside();
    RECOVERY_EVENT "recovery_event" key(0 "", 1 ", recovery_id", 2 ", n")
        (book_id recovery_id n event state user_id on_date amount_fen left_fen standing
         bank_account_id appropriation_id exception_id run_id voucher_id note)
        private() salt(None) beside();
    RECOVERY_INSTALMENT "recovery_instalment" key(0 "", 1 ", recovery_id", 2 ", n", 3 ", instalment_no")
        (book_id recovery_id n instalment_no way due_month amount_fen leave_fen)
        private() salt(None) beside();
    WRITE_OFF_PART "write_off_part" key(0 "", 1 ", recovery_id", 2 ", n", 3 ", component_id")
        (book_id recovery_id n component_id amount_fen)
        private() salt(None) beside();
    SET_OFF "set_off" key(0 "", 1 ", payment_id", 2 ", recovery_id")
        (book_id payment_id recovery_id plan_n amount_fen)
        private() salt(None) beside();
    HAND_OVER "hand_over" key(0 "", 1 ", hand_over_id")
        (book_id hand_over_id program_id bank_account_id appropriation_id amount_fen
         held_fen on_date user_id voucher_id)
        private() salt(None) beside();
    PUBLICATION_RULE "publication_rule" key(0 "", 1 ", program_id", 2 ", version")
        (book_id program_id version days document)
        private() salt(None) beside();
    PUBLICATION "publication" key(0 "", 1 ", run_id", 2 ", revision")
        (book_id run_id revision from_date to_date payments total_fen fingerprint file_id)
        private() salt(None) beside();
    OBJECTION "objection" key(0 "", 1 ", objection_id")
        (book_id objection_id run_id revision payment_id received_on detail)
        private() salt(None) beside();
    OBJECTION_EVENT "objection_event" key(0 "", 1 ", objection_id", 2 ", n")
        (book_id objection_id n event user_id note)
        private() salt(None) beside();
    APPROVAL_LIMIT "approval_limit" key(0 "", 1 ", program_id", 2 ", level", 3 ", from_month")
        (book_id program_id level from_month payment_fen run_fen document)
        private() salt(None) beside();
    APPROVER_LEVEL "approver_level" key(0 "", 1 ", user_id", 2 ", version")
        (book_id user_id version level)
        private() salt(None) beside();
    CARRY_OVER "carry_over" key(0 "", 1 ", appropriation_id", 2 ", to_year", 3 ", version")
        (book_id appropriation_id to_year version amount_fen document)
        private() salt(None) beside();
    REDUCTION "reduction" key(0 "", 1 ", reduction_id")
        (book_id reduction_id appropriation_id document amount_fen on_date)
        private() salt(None) beside();
    YEAR_CLOSE "year_close" key(0 "", 1 ", year")
        (book_id year user_id closed_at digest)
        private() salt(None) beside();
    CALENDAR_YEAR "calendar_year" key(0 "", 1 ", year", 2 ", version")
        (book_id year version document file_id days)
        private() salt(None) beside();
    CALENDAR_DAY "calendar_day" key(0 "", 1 ", year", 2 ", version", 3 ", on_date")
        (book_id year version on_date kind name)
        private() salt(None) beside();
    API_TOKEN "api_token" key(0 "", 1 ", token_id")
        (book_id token_id user_id name roles hash created_at expires_at)
        private() salt(None) beside();
    API_TOKEN_END "api_token_end" key(0 "", 1 ", token_id")
        (book_id token_id user_id ended_at)
        private() salt(None) beside();
    COMPONENT_DETAIL "component_detail" key(0 "", 1 ", component_id", 2 ", version")
        (book_id component_id version unit economic_code)
        private() salt(None) beside();
    PAYMENT_DAY "payment_day" key(0 "", 1 ", program_id", 2 ", from_month")
        (book_id program_id from_month day document)
        private() salt(None) beside();
    ELIGIBILITY_RULE "eligibility_rule"
        key(0 "", 1 ", component_id", 2 ", from_month", 3 ", rule_no")
        (book_id component_id from_month rule_no effect tag age_from age_to age_on sex
         disability_from disability_to document)
        private() salt(None) beside();
    PERSON_DISABILITY "person_disability" key(0 "", 1 ", party_id", 2 ", version")
        (book_id party_id version from_month grade)
        private() salt(None) beside();
    PERSON_DEATH "person_death" key(0 "", 1 ", party_id", 2 ", version")
        (book_id party_id version on_date document)
        private() salt(None) beside();
    RECOVERY_YEAR "recovery_year" key(0 "", 1 ", recovery_id")
        (book_id recovery_id year)
        private() salt(None) beside();
    AWARD_QUANTITY "award_quantity" key(0 "", 1 ", award_id")
        (book_id award_id quantity_milli)
        private() salt(None) beside();
    HOUSEHOLD_MEMBER "household_member"
        key(0 "", 1 ", household_id", 2 ", from_month", 3 ", person_id")
        (book_id household_id from_month person_id)
        private() salt(None) beside();
    PUBLICATION_UNIT "publication_unit" key(0 "", 1 ", program_id", 2 ", version")
        (book_id program_id version unit)
        private() salt(None) beside();
    RULE_PROPOSAL "rule_proposal" key(0 "", 1 ", proposal_id")
        (book_id proposal_id kind content user_id)
        private() salt(None) beside();
    RULE_DECISION "rule_decision" key(0 "", 1 ", proposal_id")
        (book_id proposal_id decision user_id note)
        private() salt(None) beside();
    OUTCOME_VOID "outcome_void" key(0 "", 1 ", payment_id", 2 ", attempt_no", 3 ", step")
        (book_id payment_id attempt_no step return_id voucher_id)
        private() salt(None) beside();
    RETURN_WITHDRAWAL "return_withdrawal" key(0 "", 1 ", return_id")
        (book_id return_id proposal_id lines voucher_id user_id reason)
        private() salt(None) beside();
    STATEMENT_WITHDRAWAL "statement_withdrawal" key(0 "", 1 ", statement_id")
        (book_id statement_id proposal_id lines voucher_id user_id reason)
        private() salt(None) beside();
    OUTCOME_REASON "outcome_reason"
        key(0 "", 1 ", payment_id", 2 ", attempt_no", 3 ", step", 4 ", n")
        (book_id payment_id attempt_no step n rule_id reason)
        private() salt(None) beside();
    REASON_RULE "reason_rule" key(0 "", 1 ", rule_id")
        (book_id rule_id proposal_id words reason)
        private() salt(None) beside();
    EXCEPTION_SETTLEMENT "exception_settlement" key(0 "", 1 ", exception_id")
        (book_id exception_id effect payment_id attempt_no other_id bank_account_id
         program_id amount_fen voucher_id proposer_id user_id)
        private() salt(None) beside();
    EXCEPTION_NOTE "exception_note" key(0 "", 1 ", exception_id", 2 ", n")
        (book_id exception_id n kind on_date user_id owner_id text file_name sha256)
        private() salt(None) beside();
    CANCELLATION "cancellation" key(0 "", 1 ", payment_id")
        (book_id payment_id attempt_no proposal_id exception_id program_id
         appropriation_id amount_fen standing voucher_id user_id reason)
        private() salt(None) beside();
    EXPENSE_CHANGE "expense_change"
        key(0 "", 1 ", voucher_id", 2 ", program_id", 3 ", component_id")
        (book_id voucher_id program_id component_id amount_fen)
        private() salt(None) beside();
    RE_PAY_CLEARANCE "re_pay_clearance"
        key(0 "", 1 ", payment_id", 2 ", attempt_no", 3 ", step")
        (book_id payment_id attempt_no step proposal_id exception_id user_id reason)
        private() salt(None) beside();
    ACCOUNT_LAYOUT "account_layout" key(0 "", 1 ", bank_account_id", 2 ", version")
        (book_id bank_account_id version batch_profile return_profile statement_profile
         proposal_id)
        private() salt(None) beside();
}
