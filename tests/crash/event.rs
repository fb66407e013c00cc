//! What happens in a world beside what happens to a request, and how a command says it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde_json::Value;

/// Something that happens.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Event {
    /// The deed is done while an operator lives that has seen everything before.
    Live,
    /// A kind's watch shows nothing more from the request of that number on, for so many seconds.
    Freeze(String, usize, u64),
    /// The event of that number is not told.
    Drop(u64),
    /// Every watch ends at that request.
    Cut(usize),
    /// Every watch ends each second, for a minute.
    CutAlways,
    /// Every watch ends at that request, and its revision is not known any more; refused at once, or by an event.
    Gone(usize, bool),
    /// Reads of the platform show what was made so many seconds later.
    Late(u64),
    /// The cluster is restored, once all is settled, as it was at that request; revisions go back, or on.
    Cluster(Point, bool),
    /// The cluster is set back to how it was at the first of these requests, at the second one; revisions go back, or on.
    SetBack(usize, usize, bool),
    /// The platform is restored, once all is settled, as it was at that request.
    Platform(Point),
    /// An object of the cluster is spoilt at one place.
    Spoil(Spoil),
    /// What is to happen once all is settled happens between two lives of the operator.
    Restart,
}

/// Of when a backup is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Point {
    /// Before the deed.
    Before,
    /// At that request.
    Request(usize),
    /// Nothing was kept.
    Nothing,
}

/// What is spoilt of an object.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Spoil {
    /// Kind, namespace and name.
    pub(crate) object: [String; 3],
    /// A JSON pointer.
    pub(crate) path: String,
    pub(crate) how: How,
}

/// How a field is spoilt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum How {
    Remove,
    Zero,
    Change,
    /// It gets what another object of the kind has there.
    Swap,
}

impl How {
    pub(crate) const ALL: [Self; 4] = [Self::Remove, Self::Zero, Self::Change, Self::Swap];

    fn as_str(self) -> &'static str {
        match self {
            Self::Remove => "remove",
            Self::Zero => "zero",
            Self::Change => "change",
            Self::Swap => "swap",
        }
    }
}

/// For how long watches are cut.
pub(crate) const CUTTING: Duration = Duration::from_mins(1);

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Before => f.write_str("before"),
            Self::Request(number) => write!(f, "{number}"),
            Self::Nothing => f.write_str("nothing"),
        }
    }
}

impl FromStr for Point {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "before" => Ok(Self::Before),
            "nothing" => Ok(Self::Nothing),
            number => read(number).map(Self::Request),
        }
    }
}

fn way(back: bool) -> &'static str {
    if back { "back" } else { "on" }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Live => f.write_str("live"),
            Self::Freeze(kind, at, seconds) => write!(f, "freeze:{kind}:{at}:{seconds}"),
            Self::Drop(number) => write!(f, "drop:{number}"),
            Self::Cut(at) => write!(f, "cut:{at}"),
            Self::CutAlways => f.write_str("cut-always"),
            Self::Gone(at, true) => write!(f, "refused:{at}"),
            Self::Gone(at, false) => write!(f, "compact:{at}"),
            Self::Late(seconds) => write!(f, "late:{seconds}"),
            Self::Cluster(point, back) => write!(f, "cluster:{point}:{}", way(*back)),
            Self::SetBack(to, at, back) => write!(f, "set-back:{to}:{at}:{}", way(*back)),
            Self::Platform(point) => write!(f, "platform:{point}"),
            Self::Spoil(Spoil { object, path, how }) => {
                write!(f, "corrupt:{}:{path}:{}", object.join("/"), how.as_str())
            }
            Self::Restart => f.write_str("restart"),
        }
    }
}

impl FromStr for Event {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let words: Vec<&str> = word.split(':').collect();
        match *words.as_slice() {
            ["live"] => Ok(Self::Live),
            ["freeze", kind, at, seconds] => Ok(Self::Freeze(kind.to_owned(), read(at)?, read(seconds)?)),
            ["drop", number] => Ok(Self::Drop(read(number)?)),
            ["cut", at] => Ok(Self::Cut(read(at)?)),
            ["cut-always"] => Ok(Self::CutAlways),
            ["compact", at] => Ok(Self::Gone(read(at)?, false)),
            ["refused", at] => Ok(Self::Gone(read(at)?, true)),
            ["late", seconds] => Ok(Self::Late(read(seconds)?)),
            ["cluster", point, way] => Ok(Self::Cluster(point.parse()?, way == "back")),
            ["set-back", to, at, way] => Ok(Self::SetBack(read(to)?, read(at)?, way == "back")),
            ["platform", point] => Ok(Self::Platform(point.parse()?)),
            ["restart"] => Ok(Self::Restart),
            ["corrupt", object, path, how] => {
                let object: Vec<String> = object.split('/').map(str::to_owned).collect();
                let object = object.try_into().map_err(|_| format!("no object: {word}"))?;
                let how = How::ALL.into_iter().find(|one| one.as_str() == how).ok_or("no such way")?;
                Ok(Self::Spoil(Spoil { object, path: path.to_owned(), how }))
            }
            _ => Err(format!("nothing happens by that name: {word}")),
        }
    }
}

fn read<T: FromStr>(word: &str) -> Result<T, String> {
    word.parse().map_err(|_| format!("no number: {word}"))
}

impl Spoil {
    /// The object spoilt; none where there is nothing to be spoilt so. `other` is what it may be swapped with.
    pub(crate) fn apply(&self, mut object: Value, other: Option<&Value>) -> Option<Value> {
        let before = object.pointer(&self.path)?.clone();
        let after = match (self.how, &before) {
            (How::Remove, _) => None,
            (How::Zero, Value::String(text)) if is_time(text) => Some("1970-01-01T00:00:00Z".into()),
            (How::Zero, Value::String(_)) => Some("".into()),
            (How::Zero, Value::Number(_)) => Some(0.into()),
            (How::Zero, Value::Bool(_)) => Some(false.into()),
            (How::Change, Value::String(text)) if is_time(text) => Some("2001-02-03T04:05:06Z".into()),
            // Still base64, where it is that.
            (How::Change, Value::String(_)) => Some("c29tZXRoaW5nLWVsc2U=".into()),
            (How::Change, Value::Number(number)) => Some((number.as_i64()? + 7).into()),
            (How::Change, Value::Bool(is)) => Some((!is).into()),
            (How::Zero | How::Change, _) => return None,
            (How::Swap, _) => Some(other?.pointer(&self.path)?.clone()),
        };
        let (parent, name) = self.path.rsplit_once('/')?;
        let name = name.replace("~1", "/").replace("~0", "~");
        let parent = object.pointer_mut(parent)?;
        match (parent, after) {
            (_, Some(after)) if after == before => return None,
            (Value::Object(fields), Some(after)) => drop(fields.insert(name, after)),
            (Value::Object(fields), None) => drop(fields.remove(&name)),
            (Value::Array(items), Some(after)) => *items.get_mut(name.parse::<usize>().ok()?)? = after,
            (Value::Array(items), None) => drop(items.remove(name.parse().ok()?)),
            _ => return None,
        }
        Some(object)
    }
}

fn is_time(text: &str) -> bool {
    text.parse::<jiff::Timestamp>().is_ok()
}
