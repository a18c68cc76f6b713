//! Answers to a platform's callback. A refused callback leaves the record unchanged.

use serde_json::Value;
use shared::model::authorization::Status;
use shared::model::id::AuthorizationId;
use tests::keys;
use tests::logs::Logs;
use tests::parties::identified;
use tests::platform::{SHARED_KEY, callback, callback_body, state_asked_with};
use tests::request::{Key, LinkCall};
use tests::world::World;

use super::assert_documented;

/// A world with two links of a platform's, and one of our own app.
struct Scene {
    world: World,
    state: String,
    id: AuthorizationId,
    other_state: String,
    other_id: AuthorizationId,
    state_of_ours: String,
}

impl Scene {
    async fn new() -> Self {
        let world = World::new();
        let state_of_ours = world.link("S3").await.state;
        world.clock.advance(std::time::Duration::from_mins(6));
        world.links_come_from("rsa");
        let mut linked = Vec::new();
        for serial_no in ["S1", "S2"] {
            world.platforms.grant("https://platform.example/consent");
            world.ask(&LinkCall::new(serial_no, world.now())).await.expect_link();
            let state = state_asked_with(&world.platforms.asked()[0]);
            linked.push((state, AuthorizationId::from_serial("B1", serial_no)));
        }
        let [(state, id), (other_state, other_id)] = linked.try_into().expect("two");
        Self { world, state, id, other_state, other_id, state_of_ours }
    }

    /// A callback that is all right.
    fn good(&self) -> LinkCall {
        callback(&self.state, &self.id, "open-1", self.world.now())
    }

    fn at(&self, state: &str) -> LinkCall {
        let good = self.good();
        LinkCall { path: good.path.replace(&self.state, state), ..good }
    }

    fn by(&self, key: Key) -> LinkCall {
        LinkCall { key, ..self.good() }
    }

    fn saying(&self, body: impl Into<Vec<u8>>) -> LinkCall {
        LinkCall { body: body.into(), ..self.good() }
    }

    fn with(&self, field: &str, value: impl Into<Value>) -> LinkCall {
        let mut body = callback_body(self.id.as_str(), "open-1");
        body[field] = value.into();
        self.saying(body.to_string())
    }
}

/// The rows, by their names; each on a scene of its own.
fn call(scene: &Scene, row: &str) -> Option<LinkCall> {
    let good = scene.good();
    let of_another = || callback(&scene.other_state, &scene.other_id, "open-1", scene.world.now());
    Some(match row {
        "the first, all right" | "the same again" => good,
        "the first, with the serialNo of the second question" => {
            scene.with("serialNo", format!("{}-2", scene.id))
        }
        "another openId than the recorded one" => scene.with("openId", "open-2"),
        "half a state" => scene.at(scene.id.as_str()),
        "a state that names nobody" => scene.at(&"0".repeat(64)),
        "a state with another random half" => scene.at(&format!("{}{}", scene.id, "0".repeat(32))),
        "the state of a link of our own app" => scene.at(&scene.state_of_ours),
        "the state of another authorization" => scene.at(&scene.other_state),
        "the body of another authorization" => scene.saying(of_another().body),
        "a body over 16 KiB" => scene.saying(vec![b' '; 16 * 1024 + 1]),
        "no `sign`" => scene.by(Key::Literal(String::new())),
        "a `signType` that no document has" => LinkCall { sign_type: Some("md5".to_owned()), ..good },
        "another businessId in the header" => LinkCall { business_id: "not-us".to_owned(), ..good },
        "signed by a key that nobody knows" => scene.by(Key::Rsa(keys::foreign())),
        "signed by our own key there" => scene.by(Key::Rsa(keys::app())),
        "signed by our callers' key" => scene.by(Key::Rsa(keys::merchant())),
        "signed by another platform's shared key" => {
            LinkCall { sign_type: Some("MD5".to_owned()), ..scene.by(Key::Md5(SHARED_KEY)) }
        }
        "HTML" => scene.saying("<html>SUCCESS</html>"),
        "an empty body" => scene.saying(""),
        "no serialNo" => scene.with("serialNo", Value::Null),
        "our caller's serialNo" => scene.with("serialNo", "S1"),
        "the serialNo of a third question" => scene.with("serialNo", format!("{}-3", scene.id)),
        "no openId" => scene.with("openId", Value::Null),
        "an openId with a space" => scene.with("openId", "a b"),
        "an openId that is a number" => scene.with("openId", 7),
        "while Secrets Manager is away" => {
            scene.world.secrets.set_unavailable(true);
            good
        }
        "while the platform's document is missing" => {
            scene.world.secrets.delete("upstream/rsa");
            good
        }
        _ => return None,
    })
}

#[tokio::test]
async fn every_callback_is_answered_as_documented() {
    let mut found = Vec::new();
    for row in super::table(HEADING).into_keys() {
        let mut scene = Scene::new().await;
        let settled = matches!(row, "the same again" | "another openId than the recorded one");
        if settled {
            assert_eq!(scene.world.receive_callback(&scene.good()).await.text, "SUCCESS");
        }
        let before = scene.world.record(&scene.id).await;
        let call = call(&scene, row).unwrap_or_else(|| panic!("no case for: {row}"));
        if row.starts_with("while") {
            scene.world = scene.world.another_process();
        }
        let logs = Logs::keep();
        let answer = scene.world.receive_callback(&call).await;
        let text = logs.text();
        let alarm = text.split("\"alarm\":\"").nth(1).and_then(|rest| rest.split('"').next());
        let success = answer.text == "SUCCESS";
        let record = scene.world.record(&scene.id).await;
        if settled || !success {
            assert_eq!(record, before, "{row}");
        } else {
            assert_eq!(record.status(), Status::Authorized, "{row}");
        }
        assert_eq!(scene.world.record(&scene.other_id).await.status(), Status::Issued, "{row}");
        found.push((row, [answer.text, answer.http_status.to_string(), alarm.unwrap_or("–").to_owned()]));
    }
    assert_documented(HEADING, &found);
}

#[tokio::test]
async fn after_a_callback_that_was_refused_the_right_one_settles() {
    let scene = Scene::new().await;
    for row in ["signed by a key that nobody knows", "no openId", "the body of another authorization"] {
        assert_eq!(scene.world.receive_callback(&call(&scene, row).expect("a case")).await.text, "FAIL");
    }
    assert_eq!(scene.world.receive_callback(&scene.good()).await.text, "SUCCESS");
    scene.world.gateway.answer(identified("open-3"));
    assert_eq!(scene.world.complete_return(&scene.state_of_ours, "codeA").await.outcome, "authorized");
}

const HEADING: &str = "Our answer to a platform's callback";
