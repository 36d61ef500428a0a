//! What the sign-in machine hears and says: the words between it and the shell around it.

use praya_identity::tokens::Standing;
use praya_model::password::PasswordRule;
use praya_model::posture::Finding;
use praya_model::sign_in::{ElsewhereSession, Grant};
use praya_model::{AccountName, FailureCode, Secret, SignInAnswer, SignInStep, Timestamp, TokenSerial};

use super::Others;
use crate::posture::{Asked, Fit};

/// What happened.
#[derive(Debug)]
pub enum Event {
    /// The person answered the step that was asked last.
    Answered(SignInAnswer),
    /// To [`Action::JudgePassword`].
    PasswordJudged(PasswordVerdict),
    /// To [`Action::JudgeCode`].
    CodeJudged(CodeVerdict),
    /// To [`Action::JudgeNewPassword`].
    NewPasswordJudged(NewPasswordVerdict),
    /// To [`Action::FindPolicy`].
    PolicyFound(Asked),
    /// To [`Action::JudgeMachine`].
    MachineJudged(MachineVerdict),
    /// To [`Action::FindElsewhere`].
    ElsewhereFound(Vec<ElsewhereSession>),
    /// To [`Action::CreateSession`].
    SessionCreated(Result<Grant, CreateVerdict>),
    /// To any of them: it could not be judged.
    NotJudged(FailureCode),
}

/// What the shell is to do next.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Judge a password; the account may be a name that is none.
    JudgePassword {
        /// The name as typed.
        account: String,
        /// The password as typed.
        password: Secret,
    },
    /// Judge a token code.
    JudgeCode {
        /// Whose token.
        account: AccountName,
        /// The code as typed.
        code: Secret,
    },
    /// Judge a new password and store it when it is good.
    JudgeNewPassword {
        /// Whose.
        account: AccountName,
        /// The hash of the password that opened this conversation.
        old_hash: String,
        /// The first entry.
        password: Secret,
        /// The second entry.
        repeat: Secret,
    },
    /// Look up what policies want to know of the machine by now.
    FindPolicy {
        /// Whose sign-in it is.
        account: AccountName,
    },
    /// Judge what the machine says of itself, in answer to the question that was asked last.
    JudgeMachine {
        /// Whose sign-in it is.
        account: AccountName,
        /// The report as it came.
        report: String,
        /// The signature as it came.
        signature: String,
    },
    /// Look for other live sessions.
    FindElsewhere {
        /// Whose.
        account: AccountName,
    },
    /// Make the session, if the account is still open and everything that was proved still holds.
    CreateSession {
        /// Whose.
        account: AccountName,
        /// The hash of the password in force.
        hash: String,
        /// The token that answered; absent where none was asked.
        token: Option<TokenSerial>,
        /// What the check left of its access; absent where no policy asks anything.
        posture: Option<Fit>,
        /// What to do about other sessions.
        others: Others,
    },
    /// Ask this step, under a new ticket.
    Ask {
        /// The step.
        step: SignInStep,
        /// What was wrong with the last answer.
        notice: Option<FailureCode>,
    },
    /// Signed in.
    Finish(Grant),
    /// Over without a session.
    Refuse(FailureCode),
}

/// What the password was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PasswordVerdict {
    /// Right, and the account is open.
    Right {
        /// The account.
        account: AccountName,
        /// The hash that it fits.
        hash: String,
        /// Whether a new password is due.
        must_change: bool,
        /// Where the account stands with its tokens.
        standing: Standing,
    },
    /// Wrong, or there is no such account.
    Wrong,
    /// Not to be judged, or wrong once too often.
    Locked {
        /// Until it opens.
        seconds_left: u32,
    },
    /// Right, but something else closes the account.
    Closed(FailureCode),
}

/// What the code was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CodeVerdict {
    /// Right and burnt.
    Accepted {
        /// Which token answered.
        serial: TokenSerial,
    },
    /// Right but used already.
    Replayed {
        /// Until the next one.
        next_in_seconds: u32,
    },
    /// Right at another time.
    ClockOff {
        /// Of which token.
        serial: TokenSerial,
    },
    /// Wrong.
    Wrong,
    /// Not to be judged, or wrong once too often.
    Locked {
        /// Until it opens.
        seconds_left: u32,
    },
    /// No token can answer any longer.
    Unusable(Standing),
}

/// What the new password was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NewPasswordVerdict {
    /// Good and in force.
    Set {
        /// Its hash.
        hash: String,
    },
    /// Against the rules.
    Broken(Vec<PasswordRule>),
    /// The password that opened this conversation is no longer in force.
    Raced,
}

/// What the machine was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MachineVerdict {
    /// It may come in, to everything or to some of it.
    Fit(Fit),
    /// It may not.
    Unfit {
        /// Every requirement that it does not meet.
        findings: Vec<Finding>,
        /// Until when policy lets it be put right.
        retry_until: Timestamp,
    },
    /// Nothing was judged: the report is none for this device and question.
    BadReport,
    /// Nothing was judged: by now policies want to know what the machine was not asked.
    Outdated,
}

/// Why no session was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CreateVerdict {
    /// Meanwhile others signed in.
    Elsewhere(Vec<ElsewhereSession>),
    /// Anything else.
    Refused(FailureCode),
}
