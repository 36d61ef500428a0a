//! What a page's form asks of a person, and under which names the answers go back.
//!
//! Foreign gateways do not say what a field is for; its name, its type and the page's id tell. What has no name here
//! becomes a [`SignInStep::Form`], so every form can be answered.

use std::collections::VecDeque;

use praya_model::sign_in::FormField;
use praya_model::{AccountName, FailureCode, Secret, SignInAnswer, SignInStep};
use praya_wire::anyconnect::{AuthRequest, Form, Input, InputKind};

/// The select that chooses a group; it goes back outside the form's values.
pub(super) const GROUP: &str = "group_list";

/// A form being filled.
#[derive(Debug)]
pub(super) struct Page {
    /// Where the reply goes.
    pub(super) action: String,
    /// What to show above.
    message: Option<String>,
    inputs: Vec<Input>,
    values: Vec<Option<Secret>>,
    /// What is still to be asked; the first is being asked.
    questions: VecDeque<Question>,
    /// The question that was answered last.
    answered: Option<Question>,
}

/// One question, with the inputs that it fills.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Question {
    /// Which group; not one of the form's values.
    Group,
    /// Account and password. The password's input is missing when a later page asks for it.
    Password { account: Option<usize>, password: Option<usize> },
    /// A code.
    Otp { code: usize },
    /// A new password, twice.
    NewPassword { first: usize, second: Option<usize> },
    /// Anything else.
    Form { inputs: Vec<usize> },
}

/// What was learnt from an answer, besides the form's values.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Learnt {
    pub(super) account: Option<String>,
    pub(super) group: Option<String>,
    /// A password for a later page.
    pub(super) held: Option<Secret>,
}

impl Page {
    /// Reads a form. `again` is the question of the page before when this page repeats it.
    pub(super) fn new(
        page: &AuthRequest,
        form: &Form,
        password_sent: bool,
        again: Option<&Question>,
    ) -> Self {
        let inputs = form.inputs.clone();
        let mut values = vec![None; inputs.len()];
        let (mut names, mut passwords, mut others) = (Vec::new(), Vec::new(), Vec::new());
        let mut questions = VecDeque::new();
        for (index, (input, value)) in inputs.iter().zip(&mut values).enumerate() {
            match &input.kind {
                InputKind::Hidden => *value = Some(input.value.clone().unwrap_or_default()),
                InputKind::Submit | InputKind::Reset | InputKind::Sso => {}
                InputKind::Select(choices) if input.name == GROUP => {
                    if choices.len() > 1 {
                        questions.push_back(Question::Group);
                    }
                }
                InputKind::Text if is_account(input) => names.push(index),
                InputKind::Password => passwords.push(index),
                InputKind::Text | InputKind::Select(_) => others.push(index),
            }
        }
        let named = |index: usize| inputs.get(index).map(|input| input.name.as_str()).unwrap_or_default();
        let is_new = |index: usize| named(index).contains("new_");
        match (names.as_slice(), passwords.as_slice()) {
            _ if !others.is_empty() || names.len() > 1 => {
                let mut all: Vec<usize> = [names, passwords, others].concat();
                all.sort_unstable();
                questions.push_back(Question::Form { inputs: all });
            }
            ([], []) => {}
            ([account], []) => {
                questions.push_back(Question::Password { account: Some(*account), password: None });
            }
            ([], [first]) if is_new(*first) => {
                questions.push_back(Question::NewPassword { first: *first, second: None });
            }
            ([], [first, second]) if is_new(*first) => {
                questions.push_back(Question::NewPassword { first: *first, second: Some(*second) });
            }
            ([], [only]) => questions.push_back(match again {
                Some(Question::Otp { .. }) => Question::Otp { code: *only },
                Some(Question::Password { .. }) => {
                    Question::Password { account: None, password: Some(*only) }
                }
                Some(Question::Group | Question::NewPassword { .. } | Question::Form { .. }) | None => {
                    let is_code =
                        page.id == "challenge" || matches!(named(*only), "answer" | "whichpin" | "otp");
                    if is_code || password_sent {
                        Question::Otp { code: *only }
                    } else {
                        Question::Password { account: None, password: Some(*only) }
                    }
                }
            }),
            ([account], [password]) => {
                questions
                    .push_back(Question::Password { account: Some(*account), password: Some(*password) });
            }
            ([account], [password, code]) if named(*code) == "secondary_password" => {
                questions
                    .push_back(Question::Password { account: Some(*account), password: Some(*password) });
                questions.push_back(Question::Otp { code: *code });
            }
            (_, all) => questions.push_back(Question::Form { inputs: [names.as_slice(), all].concat() }),
        }
        Self {
            action: form.action.clone(),
            message: page.message.clone(),
            inputs,
            values,
            questions,
            answered: None,
        }
    }

    /// Whether the form has an input for the account.
    pub(super) fn asks_account(&self) -> bool {
        self.inputs.iter().any(is_account)
    }

    /// The question to ask now; `None` when every value is there.
    pub(super) fn question(&self) -> Option<&Question> {
        self.questions.front()
    }

    /// Counts the question as answered.
    pub(super) fn skip(&mut self) {
        self.answered = self.questions.pop_front();
    }

    /// Takes the last answer back, so that its question is asked again.
    pub(super) fn reopen(&mut self) {
        if let Some(question) = self.answered.take() {
            self.questions.push_front(question);
        }
    }

    /// Sets an input's value without asking.
    pub(super) fn fill(&mut self, index: usize, value: Secret) {
        if let Some(slot) = self.values.get_mut(index) {
            *slot = Some(value);
        }
    }

    /// The group that the page proposes: the selected option, else the first.
    pub(super) fn proposed_group(&self) -> Option<String> {
        self.groups().and_then(|choices| {
            choices
                .iter()
                .find(|choice| choice.selected)
                .or(choices.first())
                .map(|choice| choice.value.clone())
        })
    }

    /// Whether the page offers that group.
    pub(super) fn offers_group(&self, group: &str) -> bool {
        self.groups().is_some_and(|choices| choices.iter().any(|choice| choice.value == group))
    }

    fn groups(&self) -> Option<&[praya_wire::anyconnect::Choice]> {
        self.inputs.iter().find(|input| input.name == GROUP).and_then(|input| match &input.kind {
            InputKind::Select(choices) => Some(choices.as_slice()),
            InputKind::Text
            | InputKind::Password
            | InputKind::Hidden
            | InputKind::Sso
            | InputKind::Submit
            | InputKind::Reset => None,
        })
    }

    /// The question as a step of the conversation.
    pub(super) fn step(&self, question: &Question, account: Option<&str>) -> SignInStep {
        match question {
            Question::Password { .. } => SignInStep::Password { account: account.map(AccountName::new) },
            Question::Otp { code } => {
                let label = self.inputs.get(*code).and_then(|input| input.label.clone());
                // The message of a page that asks for account and password too is about those.
                let prompt = if self.asks_account() {
                    label.or(self.message.clone())
                } else {
                    self.message.clone().or(label)
                };
                SignInStep::Otp { prompt, token: None }
            }
            Question::NewPassword { .. } => SignInStep::NewPassword { rules: None },
            Question::Group => {
                let inputs = self.inputs.iter().filter(|input| input.name == GROUP);
                SignInStep::Form { message: self.message.clone(), fields: inputs.map(field).collect() }
            }
            Question::Form { inputs } => SignInStep::Form {
                message: self.message.clone(),
                fields: inputs.iter().filter_map(|index| self.inputs.get(*index)).map(field).collect(),
            },
        }
    }

    /// Takes the answer to the first question.
    pub(super) fn answer(
        &mut self,
        answer: SignInAnswer,
        known: Option<&str>,
    ) -> Result<Learnt, FailureCode> {
        let mut learnt = Learnt::default();
        let unexpected = Err(FailureCode::UnexpectedAnswer);
        let Some(question) = self.questions.front().cloned() else {
            return unexpected;
        };
        match (question, answer) {
            (
                Question::Password { account, password },
                SignInAnswer::Password { account: given, password: typed },
            ) => {
                let given = given.map(|given| given.trim().to_owned()).filter(|given| !given.is_empty());
                let name = given.as_deref().or(known);
                if let Some(index) = account {
                    let Some(name) = name else { return unexpected };
                    self.fill(index, Secret::new(name));
                }
                learnt.account = name.map(str::to_owned);
                match password {
                    Some(index) => self.fill(index, typed),
                    None => learnt.held = Some(typed),
                }
            }
            (Question::Otp { code }, SignInAnswer::Otp { code: typed }) => self.fill(code, typed),
            (Question::NewPassword { first, second }, SignInAnswer::NewPassword { password, repeat }) => {
                if password != repeat {
                    let broken = vec![praya_model::password::PasswordRule::Matches];
                    return Err(FailureCode::PasswordRules { broken });
                }
                self.fill(first, password);
                if let Some(second) = second {
                    self.fill(second, repeat);
                }
            }
            (Question::Group, SignInAnswer::Form { values }) => {
                let group = values.into_iter().find(|(name, _)| name == GROUP).map(|(_, value)| value);
                match group.filter(|group| self.offers_group(group.expose())) {
                    Some(group) => learnt.group = Some(group.expose().to_owned()),
                    None => return unexpected,
                }
            }
            (Question::Form { inputs }, SignInAnswer::Form { values }) => {
                let mut values: Vec<Option<(String, Secret)>> = values.into_iter().map(Some).collect();
                for index in inputs {
                    let Some(name) = self.inputs.get(index).map(|input| input.name.clone()) else { continue };
                    let given =
                        values.iter_mut().find(|slot| slot.as_ref().is_some_and(|(have, _)| *have == name));
                    let Some((_, value)) = given.and_then(Option::take) else { return unexpected };
                    if self.inputs.get(index).is_some_and(is_account) {
                        learnt.account = Some(value.expose().to_owned());
                    }
                    self.fill(index, value);
                }
            }
            _ => return unexpected,
        }
        self.skip();
        Ok(learnt)
    }

    /// The values under the names that gateways expect them by (openconnect's mapping, which gateways rely on).
    pub(super) fn fields(&self) -> Vec<(String, Secret)> {
        self.inputs
            .iter()
            .zip(&self.values)
            .filter_map(|(input, value)| {
                let name = match input.name.as_str() {
                    "answer" | "whichpin" | "new_password" => "password",
                    "verify_pin" | "verify_password" | GROUP => return None,
                    name => name,
                };
                value.clone().map(|value| (name.to_owned(), value))
            })
            .collect()
    }

    /// Whether a password is among the values.
    pub(super) fn sends_password(&self) -> bool {
        self.inputs
            .iter()
            .zip(&self.values)
            .any(|(input, value)| matches!(input.kind, InputKind::Password) && value.is_some())
    }

    /// Whether an account is among the values.
    pub(super) fn sends_account(&self) -> bool {
        self.inputs.iter().zip(&self.values).any(|(input, value)| is_account(input) && value.is_some())
    }
}

fn is_account(input: &Input) -> bool {
    let name = input.name.to_ascii_lowercase();
    matches!(input.kind, InputKind::Text)
        && !input.second_auth
        && (name.starts_with("user") || name.starts_with("uname"))
}

fn field(input: &Input) -> FormField {
    FormField {
        name: input.name.clone(),
        label: input.label.clone().unwrap_or_else(|| input.name.clone()),
        secret: matches!(input.kind, InputKind::Password),
        choices: match &input.kind {
            InputKind::Select(choices) => {
                choices.iter().map(|choice| (choice.value.clone(), choice.label.clone())).collect()
            }
            InputKind::Text
            | InputKind::Password
            | InputKind::Hidden
            | InputKind::Sso
            | InputKind::Submit
            | InputKind::Reset => Vec::new(),
        },
    }
}
