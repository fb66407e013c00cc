//! A person's answer by the annotation `org-operator.dev/resolve`.

/// What is to be done about something that the operator cannot decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolve {
    /// What is on the platform under that name is this resource's.
    Adopt,
    /// What was made before is given up: make it anew.
    StartOver,
}

impl Resolve {
    /// The answer to `attempt`, if the annotation's value is one: an answer to another attempt, such as one that was
    /// forgotten in Git, does nothing.
    pub fn answering(value: &str, attempt: i64) -> Option<Self> {
        let (word, number) = value.split_once('/')?;
        if number != attempt.to_string() {
            return None;
        }
        match word {
            "adopt" => Some(Self::Adopt),
            "start-over" => Some(Self::StartOver),
            _ => None,
        }
    }

    /// The command's part that a message prints.
    pub fn command(self, attempt: i64) -> String {
        let word = match self {
            Self::Adopt => "adopt",
            Self::StartOver => "start-over",
        };
        format!("{}={word}/{attempt}", super::annotation::RESOLVE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_for_one_attempt() {
        let cases = [
            ("start-over/3", Some(Resolve::StartOver)),
            ("adopt/3", Some(Resolve::Adopt)),
            ("start-over/2", None),
            ("start-over/03", None),
            ("start-over/+3", None),
            ("start-over", None),
            ("delete/3", None),
            ("", None),
        ];
        for (value, expected) in cases {
            assert_eq!(Resolve::answering(value, 3), expected, "{value}");
        }
        assert_eq!(Resolve::StartOver.command(3), "org-operator.dev/resolve=start-over/3");
    }
}
