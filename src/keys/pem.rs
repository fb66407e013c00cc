//! Reading PEM as people have it: with the headers of RFC 1421 (`DEK-Info`), lines of any width, either line ending,
//! indented by a YAML block, several blocks in one file.
//!
//! The strict readers refuse the headers that an encrypted PKCS#1 key has, and those that accept them leave copies of a
//! plain private key in memory; here every copy is zeroed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// One `-----BEGIN …-----` to `-----END …-----`. It borrows the text, so nothing is copied until [`Block::decode`].
pub(super) struct Block<'a> {
    /// What is between `BEGIN` and the dashes.
    pub(super) label: &'a str,
    headers: Vec<(&'a str, &'a str)>,
    body: Vec<&'a str>,
}

impl<'a> Block<'a> {
    /// The value of a header, by its exact name.
    pub(super) fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.iter().find(|(key, _)| *key == name).map(|(_, value)| *value)
    }

    /// The bytes; None if they are not base64.
    pub(super) fn decode(&self) -> Option<Zeroizing<Vec<u8>>> {
        // With its final capacity from the start, so that growing leaves no copy behind.
        let mut text = Zeroizing::new(String::with_capacity(self.body.iter().map(|line| line.len()).sum()));
        self.body.iter().for_each(|line| text.push_str(line));
        let mut bytes = Zeroizing::new(vec![0; base64::decoded_len_estimate(text.len())]);
        let length = STANDARD.decode_slice(text.as_bytes(), &mut bytes).ok()?;
        bytes.truncate(length);
        Some(bytes)
    }
}

/// The complete blocks of a text, in order. What is between them is skipped, as RFC 7468 (section 2) allows.
pub(super) fn blocks(text: &str) -> impl Iterator<Item = Block<'_>> {
    let mut lines = text.lines().map(str::trim);
    std::iter::from_fn(move || {
        let label = lines.find_map(|line| boundary(line, "BEGIN"))?;
        let mut block = Block { label, headers: Vec::new(), body: Vec::new() };
        loop {
            let line = lines.next()?;
            if boundary(line, "END") == Some(label) {
                return Some(block);
            }
            // A colon is no base64, so that headers need no blank line to be told from the body.
            match line.split_once(':') {
                Some((name, value)) => block.headers.push((name.trim_end(), value.trim_start())),
                None => block.body.push(line),
            }
        }
    })
}

fn boundary<'a>(line: &'a str, word: &str) -> Option<&'a str> {
    line.strip_prefix("-----")?.strip_prefix(word)?.strip_prefix(' ')?.strip_suffix("-----")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_other_blocks_crlf_and_indentation_are_read() {
        let text = "comment\r\n  -----BEGIN EC PARAMETERS-----\r\n  AAEC\r\n  -----END EC PARAMETERS-----\r\n\
                    -----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: X,00\n\nAw\nQF\n\
                    -----END RSA PRIVATE KEY-----";
        let found: Vec<_> = blocks(text).collect();
        assert_eq!(found.iter().map(|b| b.label).collect::<Vec<_>>(), ["EC PARAMETERS", "RSA PRIVATE KEY"]);
        assert_eq!(found[0].decode().unwrap().as_slice(), [0, 1, 2]);
        assert_eq!(found[1].header("DEK-Info"), Some("X,00"));
        assert_eq!(found[1].header("Proc-Type"), Some("4,ENCRYPTED"));
        assert_eq!(found[1].header("None"), None);
        assert_eq!(found[1].decode().unwrap().as_slice(), [3, 4, 5]);
    }

    #[test]
    fn a_block_without_its_end_is_no_block() {
        assert_eq!(blocks("-----BEGIN PRIVATE KEY-----\nAAEC\n").count(), 0);
        assert_eq!(blocks("-----BEGIN PRIVATE KEY-----\nAAEC\n-----END PUBLIC KEY-----\n").count(), 0);
        assert_eq!(blocks("").count(), 0);
    }

    #[test]
    fn what_is_not_base64_does_not_decode() {
        let text = "-----BEGIN PRIVATE KEY-----\nA*EC\n-----END PRIVATE KEY-----";
        assert!(blocks(text).next().unwrap().decode().is_none());
    }
}
