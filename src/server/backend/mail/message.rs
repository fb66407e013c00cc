//! What an invitation says.

use std::time::SystemTime;

use jiff::Timestamp;
use lettre::Message;
use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use secrecy::{ExposeSecret as _, SecretString};

use crate::embedded::Invitation;

/// What cannot be written into a mail: an address that is none.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    /// The recipient's address is none.
    #[error("the address cannot be written to")]
    Address(#[source] lettre::address::AddressError),
    /// The mail lacks what a mail has.
    #[error("the mail cannot be written")]
    Mail(#[source] lettre::error::Error),
}

/// The link of an invitation below that address, which whoever has it opens.
pub fn link(base: &str, invitation: &Invitation) -> SecretString {
    SecretString::from(format!("{}{}", base.trim_end_matches('/'), invitation.path().expose_secret()))
}

/// The mail. It has the same `Message-ID` whenever it is written, so that a second one can be told for what it is.
pub fn message(invitation: &Invitation, from: &Mailbox, base: &str, now: Timestamp) -> Result<Message, MessageError> {
    let name = [&invitation.first_name, &invitation.last_name]
        .into_iter()
        .flatten()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(" ");
    let name = one_line(if name.is_empty() { &invitation.username } else { &name });
    let organization = one_line(&invitation.organization);
    let address = invitation.email.parse().map_err(MessageError::Address)?;
    let link = link(base, invitation);
    let body = format!(
        "Hello {name},\n\n\
         an account was made for you in the organisation {organization}. Your user name is {}.\n\n\
         Open this link and press its button to confirm this address. That enables the account, and shows a password, once, if\n\
         you have none:\n\n\
         {}\n\n\
         Whoever has the link can open it. If you expect no account, do nothing: it stays disabled.\n",
        one_line(&invitation.username),
        link.expose_secret(),
    );
    Message::builder()
        .from(from.clone())
        .to(Mailbox::new(Some(name), address))
        .subject(format!("Your account in {organization}"))
        .message_id(Some(format!("<{}@{}>", invitation.id, from.email.domain())))
        .date(SystemTime::from(now))
        .header(ContentType::TEXT_PLAIN)
        .body(body)
        .map_err(MessageError::Mail)
}

/// With spaces for characters that would end a line; a mail's head cannot have them, and its body should not.
fn one_line(text: &str) -> String {
    text.chars().map(|one| if one.is_control() { ' ' } else { one }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invitation(email: &str) -> Invitation {
        Invitation {
            id: "7".to_owned(),
            organization: "ExampleOrg".to_owned(),
            username: "adminUser".to_owned(),
            email: email.to_owned(),
            first_name: Some("John\r\nBcc: eve@example.org".to_owned()),
            last_name: Some("Dö".to_owned()),
            created_at: Timestamp::UNIX_EPOCH,
            sent_at: None,
            code: "c0de".into(),
        }
    }

    #[test]
    fn it_names_the_organisation_and_the_user_and_has_the_link() {
        let from: Mailbox = "Edge <edge@example.org>".parse().unwrap();
        let write = || {
            let mail =
                message(&invitation("jo@example.org"), &from, "https://edge.example.org/", Timestamp::UNIX_EPOCH);
            String::from_utf8(mail.unwrap().formatted()).unwrap()
        };
        let text = write();
        assert_eq!(text, write(), "a second one is the same");
        let (head, _) = text.split_once("\r\n\r\n").unwrap();
        assert!(!head.lines().any(|line| line.starts_with("Bcc")), "{head}");
        for line in
            ["From: Edge <edge@example.org>", "Message-ID: <7@example.org>", "Subject: Your account in ExampleOrg"]
        {
            assert!(head.lines().any(|found| found == line), "{line} is not in\n{head}");
        }
        assert!(head.contains("jo@example.org") && head.contains("Date: Thu, 01 Jan 1970 00:00:00 +0000"), "{head}");
        let body = text.replace("=\r\n", "");
        assert!(body.contains("https://edge.example.org/invitations/7/c0de\r\n"), "{text}");
        assert!(body.contains("Your user name is adminUser."), "{text}");
    }

    #[test]
    fn an_address_that_is_none_is_said() {
        let from: Mailbox = "edge@example.org".parse().unwrap();
        for email in ["jo", "jo@example.org, eve@example.org", "jo@example.org\r\nBcc: eve@example.org", ""] {
            let refused = message(&invitation(email), &from, "http://127.0.0.1", Timestamp::UNIX_EPOCH);
            assert!(matches!(refused, Err(MessageError::Address(_))), "{email}");
        }
    }
}
