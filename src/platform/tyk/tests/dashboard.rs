//! The Dashboard in memory.

use super::*;

/// What goes wrong once.
#[derive(Clone, Debug)]
pub(super) enum Fault {
    /// Answers that, and does nothing.
    Answers(u16, &'static str),
    /// Does it, and the answer is lost.
    LosesAnswer,
    /// Does it, and answers that.
    DoesAndAnswers(u16, &'static str),
}

/// How lists are paged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Paging {
    /// `p=-1` is all, and `pages` counts nothing then.
    #[default]
    AsDocumented,
    /// `p=-1` is all, and `pages` counts the pages all the same.
    AllAndCounted,
    /// `p=-1` is the first page.
    FirstPage,
    /// `p=-1` is nothing.
    Nothing,
    /// Whatever is asked for, the first page answers.
    Stuck,
}

const PAGE: usize = 10;

/// Everything that a Dashboard has.
#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) organizations: Vec<Value>,
    pub(super) users: Vec<Value>,
    made: u32,
    pub(super) paging: Paging,
    pub(super) hides_keys: bool,
    /// The id in a reply to a creation is written twice over, as in the vendor's example.
    pub(super) doubles_ids: bool,
    /// By method and the end of the path.
    pub(super) faults: Vec<(Method, &'static str, Fault)>,
    /// What was asked, as `GET /path?query`.
    pub(super) asked: Vec<String>,
}

impl World {
    /// How many requests began so.
    pub(super) fn count(&self, start: &str) -> usize {
        self.asked.iter().filter(|line| line.starts_with(start)).count()
    }

    /// How many requests there were that change something.
    pub(super) fn writes(&self) -> usize {
        self.asked.iter().filter(|line| !line.starts_with("GET ")).count()
    }

    /// Those whom people know, by e-mail.
    pub(super) fn people(&self) -> Vec<&str> {
        let emails = self.users.iter().map(|user| user["email_address"].as_str().unwrap());
        emails.filter(|email| !email.ends_with(".invalid")).collect()
    }

    /// The technical administrators.
    pub(super) fn technical(&self) -> Vec<&Value> {
        self.users.iter().filter(|user| user["email_address"].as_str().unwrap().ends_with(".invalid")).collect()
    }

    pub(super) fn user_mut(&mut self, id: &str) -> &mut Value {
        self.users.iter_mut().find(|user| user["id"] == id).unwrap()
    }

    pub(super) fn id(&mut self) -> String {
        self.made += 1;
        format!("{:024x}", 0x5f00_0000_u32 + self.made)
    }

    fn key(&mut self) -> String {
        self.made += 1;
        format!("{:032x}", 0xabc0_0000_u32 + self.made)
    }

    fn shown(&self, user: &Value) -> Value {
        let mut shown = user.clone();
        if self.hides_keys {
            shown["access_key"] = "".into();
        }
        shown
    }

    fn page(&self, all: Vec<Value>, name: &str, query: &str) -> Answer {
        let asked: i64 = query.strip_prefix("p=").map_or(1, |page| page.parse().unwrap());
        let count = all.len().div_ceil(PAGE);
        let page = |number: i64| -> Vec<Value> {
            let skipped = usize::try_from(number - 1).unwrap_or_default() * PAGE;
            all.iter().skip(skipped).take(PAGE).cloned().collect()
        };
        let (items, pages) = match (self.paging, asked) {
            (Paging::AsDocumented, -1) => (all, 0),
            (Paging::AllAndCounted, -1) => (all, count),
            (Paging::Nothing, -1) => (Vec::new(), count),
            (Paging::FirstPage, -1) | (Paging::Stuck, _) => (page(1), count),
            (_, asked) => (page(asked), count),
        };
        (200, serde_json::json!({ name: items, "pages": pages }))
    }

    fn admin(&mut self, method: &Method, path: &[&str], query: &str, body: Option<Value>) -> Answer {
        let position = |all: &[Value], id: &str| all.iter().position(|object| object["id"] == id);
        match (method.as_str(), path) {
            ("GET", ["organisations"]) => self.page(self.organizations.clone(), "organisations", query),
            ("POST", ["organisations"]) => {
                let Some(mut organization) = body.filter(Value::is_object) else {
                    return said(403, "Request body malformed");
                };
                let id = self.id();
                organization["id"] = id.clone().into();
                self.organizations.push(organization);
                ok("Org created", id)
            }
            ("GET", ["organisations", id]) => match position(&self.organizations, id) {
                Some(at) => (200, self.organizations[at].clone()),
                None => said(404, "Could not retrieve org detail"),
            },
            ("PUT", ["organisations", id]) => match (position(&self.organizations, id), body) {
                (Some(at), Some(organization)) => {
                    self.organizations[at] = organization;
                    ok("Org updated", Value::Null)
                }
                _ => said(403, "Request body malformed"),
            },
            ("DELETE", ["organisations", id]) => match position(&self.organizations, id) {
                Some(at) => {
                    self.organizations.remove(at);
                    ok("Org deleted", Value::Null)
                }
                None => said(404, "Could not retrieve org detail"),
            },
            ("POST", ["users"]) => self.create_user(body.unwrap()),
            ("GET", ["users", id]) => match position(&self.users, id) {
                Some(at) => (200, self.shown(&self.users[at])),
                None => said(404, "Could not retrieve user detail"),
            },
            ("PUT", ["users", id]) => match position(&self.users, id) {
                Some(at) => {
                    let key = self.users[at]["access_key"].clone();
                    self.users[at] = body.unwrap();
                    if self.users[at].get("access_key").is_none() {
                        self.users[at]["access_key"] = key;
                    }
                    ok("User updated", Value::Null)
                }
                None => said(404, "User not found"),
            },
            _ => said(404, "Not found"),
        }
    }

    fn create_user(&mut self, mut user: Value) -> Answer {
        let same = |other: &Value| other["org_id"] == user["org_id"] && other["email_address"] == user["email_address"];
        if self.users.iter().any(same) {
            return said(403, "User email already exists for this Org");
        }
        let (id, key) = (self.id(), self.key());
        user["id"] = id.clone().into();
        user["access_key"] = key.clone().into();
        self.users.push(user.clone());
        if self.doubles_ids {
            user["id"] = twice(&id).into();
        }
        ok(&key, user)
    }

    fn api(&mut self, method: &Method, path: &[&str], query: &str, key: &str, body: Option<Value>) -> Answer {
        let Some(caller) = self.users.iter().find(|user| user["access_key"] == key && user["active"] == true) else {
            return said(401, "Not authorised");
        };
        let caller = caller.clone();
        let admin = caller["user_permissions"]["IsAdmin"] == "admin";
        let at = |id: &str| self.users.iter().position(|user| user["id"] == id && user["org_id"] == caller["org_id"]);
        match (method.as_str(), path) {
            (_, ["users", ..]) if !admin => said(403, "Access forbidden"),
            ("GET", ["users"]) => {
                let own = self.users.iter().filter(|user| user["org_id"] == caller["org_id"]);
                let own = own.map(|user| self.shown(user)).collect();
                self.page(own, "users", query)
            }
            ("GET", ["users", id]) => match at(id) {
                Some(at) if self.users[at]["id"] == caller["id"] => (200, self.users[at].clone()),
                Some(at) => (200, self.shown(&self.users[at])),
                None => said(404, "User not found"),
            },
            ("DELETE", ["users", id]) => match at(id) {
                Some(at) => {
                    self.users.remove(at);
                    ok("User deleted", Value::Null)
                }
                None => said(404, "User not found"),
            },
            ("POST", ["users", id, "actions", "reset"]) => match at(id) {
                Some(at) if caller["user_permissions"]["ResetPassword"] == "admin" => {
                    self.users[at]["password"] = body.unwrap()["new_password"].clone();
                    ok("User password updated", Value::Null)
                }
                _ => said(403, "not allowed to reset"),
            },
            ("PUT", ["users", id, "actions", "key", "reset"]) => match at(id) {
                Some(at) => {
                    self.users[at]["access_key"] = self.key().into();
                    ok("User session renewed", Value::Null)
                }
                None => said(404, "User not found"),
            },
            _ => said(404, "Not found"),
        }
    }
}

type Answer = (u16, Value);

fn said(status: u16, message: &str) -> Answer {
    (status, serde_json::json!({ "Status": "Error", "Message": message, "Meta": null }))
}

fn ok(message: &str, meta: impl Into<Value>) -> Answer {
    (200, serde_json::json!({ "Status": "OK", "Message": message, "Meta": meta.into() }))
}

/// A Dashboard that several clients may talk to.
#[derive(Clone, Debug, Default)]
pub(super) struct Dashboard(Arc<Mutex<World>>);

impl Dashboard {
    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a client sends its requests through. Each is under way for a moment, so that others come in between.
    pub(super) fn service(&self) -> Service {
        let dashboard = self.clone();
        Service::new(tower::service_fn(move |request| {
            let dashboard = dashboard.clone();
            async move {
                tokio::task::yield_now().await;
                let answer = dashboard.answer(&request);
                tokio::task::yield_now().await;
                answer
            }
        }))
    }

    fn answer(&self, request: &Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let mut world = self.world();
        let (method, path) = (request.method(), request.uri().path());
        let query = request.uri().query().unwrap_or_default();
        world.asked.push(format!("{method} {path}{}{query}", if query.is_empty() { "" } else { "?" }));
        let fault = world.faults.iter().position(|(on, end, _)| on == method && path.ends_with(end));
        let fault = fault.map(|at| world.faults.remove(at).2);
        if let Some(Fault::Answers(status, body)) = fault {
            return Ok(response(status, body.as_bytes().to_vec()));
        }
        let body = (!request.body().is_empty()).then(|| serde_json::from_slice(request.body()).unwrap());
        let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
        let header = |name: &str| request.headers().get(name).map_or("", |value| value.to_str().unwrap());
        let (status, answer) = match segments.as_slice() {
            ["admin", ..] if header("admin-auth") != SECRET => said(401, "Not authorised"),
            ["admin", rest @ ..] => world.admin(method, rest, query, body),
            ["api", rest @ ..] => world.api(method, rest, query, header("authorization"), body),
            _ => said(404, "Not found"),
        };
        match fault {
            Some(Fault::LosesAnswer) => Err(TransportError::TimedOut),
            Some(Fault::DoesAndAnswers(status, body)) => Ok(response(status, body.as_bytes().to_vec())),
            _ => Ok(response(status, serde_json::to_vec(&answer).unwrap())),
        }
    }
}

/// The hexadecimal digits of hexadecimal digits.
fn twice(id: &str) -> String {
    id.bytes().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

fn response(status: u16, body: Vec<u8>) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}
