//! Values out of the API model: whole ones with every member, and random ones.

use serde_json::{Map, Value, json};
use usher::api::{Kind, Shape, UNBOUNDED};

/// Strings of which each pattern in the model takes one.
const TEXTS: [&str; 22] = [
    "arn:aws:iam::111122223333:role/studio-x",
    "arn:aws:sagemaker:eu-central-1:111122223333:studio-lifecycle-config/x",
    "arn:aws:sagemaker:eu-central-1:111122223333:image/x",
    "arn:aws:sagemaker:eu-central-1:111122223333:image-version/x/1",
    "arn:aws:sagemaker:eu-central-1:111122223333:training-plan/x",
    "arn:aws:sagemaker:eu-central-1:111122223333:app-image-config/x",
    "arn:aws:secretsmanager:eu-central-1:111122223333:secret:x",
    "arn:aws:codewhisperer:eu-central-1:111122223333:profile/x",
    "arn:aws:sso::111122223333:application/ssoins-1/apl-1",
    "arn:aws:iam::111122223333:role/studio-y",
    "https://code.example.com/x",
    "s3://bucket/prefix",
    "fs-0a1b2c3d4e5f60718",
    "111122223333",
    "1.1",
    "dzd_4rv6k2",
    "/x",
    "d-abc123",
    "sg-1",
    "x",
    "xy",
    "12345678-1234-1234-1234-123456789012",
];

fn text(shape: Shape, min: u32, max: u32, nth: usize) -> Value {
    let fits = |text: &&&str| {
        let length = u32::try_from(text.chars().count()).unwrap_or(UNBOUNDED);
        (min..=max).contains(&length) && shape.pattern().is_none_or(|pattern| pattern.matches(text))
    };
    let fitting: Vec<_> = TEXTS.iter().filter(fits).collect();
    assert!(!fitting.is_empty(), "no text for {}: add one", shape.name());
    json!(fitting[nth % fitting.len().min(3)])
}

/// A value with every member that the shape has; of a union, as many values as it has members.
pub fn whole(shape: Shape) -> Value {
    match shape.kind() {
        Kind::Structure { members, union } => {
            let members = members.members();
            // A list holds one value for each member of a union; alone, the first member must do.
            let members = if union { &members[..1] } else { members };
            let member =
                |member: &&usher::api::Member| (member.name.to_owned(), whole(member.shape));
            Value::Object(members.iter().map(|m| member(&m)).collect())
        }
        Kind::List { item, .. } => match item.kind() {
            Kind::Structure {
                members,
                union: true,
            } => members
                .members()
                .iter()
                .map(|member| json!({member.name: whole(member.shape)}))
                .collect(),
            _ => json!([whole(item)]),
        },
        Kind::Map { key, value, .. } => {
            let Value::String(key) = whole(key) else {
                panic!("a map's keys are strings");
            };
            json!({key: whole(value)})
        }
        Kind::String {
            min, max, values, ..
        } => match values.values() {
            [] => text(shape, min, max, 0),
            [first, ..] => json!(first),
        },
        Kind::Integer { min, max } => {
            // A Uid and a Gid are above their least value as the model gives it.
            json!((min + 10).min(max))
        }
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014).
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        usize::try_from(z % bound as u64).unwrap_or_default()
    }
}

/// Members that AWS couples with others, so that a random value of them is mostly refused.
const COUPLED: [&str; 4] = [
    "LifecycleConfigArn",
    "DefaultLandingUri",
    "StudioWebPortal",
    "JupyterServerAppSettings",
];

/// A value with about one member in three.
pub fn some(shape: Shape, random: &mut Random) -> Value {
    match shape.kind() {
        Kind::Structure {
            members,
            union: true,
        } => {
            let members = members.members();
            let member = &members[random.below(members.len())];
            json!({member.name: some(member.shape, random)})
        }
        Kind::Structure {
            members,
            union: false,
        } => {
            let mut object = Map::new();
            for member in members.members() {
                let taken = member.required || random.below(3) == 0;
                if !taken || COUPLED.contains(&member.name) {
                    continue;
                }
                let value = some(member.shape, random);
                if !is_hollow(&value) {
                    object.insert(member.name.to_owned(), value);
                }
            }
            Value::Object(object)
        }
        Kind::List { item, min, max } => {
            let most = usize::try_from(max.min(min + 2)).unwrap_or(1);
            let least = usize::try_from(min).unwrap_or_default();
            let length = least + random.below(most - least + 1);
            let mut items: Vec<Value> = Vec::new();
            for _ in 0..length {
                let item = some(item, random);
                if !items.contains(&item) && !is_hollow(&item) {
                    items.push(item);
                }
            }
            Value::Array(items)
        }
        Kind::Map { .. } => whole(shape),
        Kind::String {
            min, max, values, ..
        } => match values.values() {
            [] => text(shape, min, max, random.below(3)),
            values => json!(values[random.below(values.len())]),
        },
        Kind::Integer { min, max } => json!((min + 10 + random.below(50) as i64).min(max)),
    }
}

fn is_hollow(value: &Value) -> bool {
    value.as_object().is_some_and(Map::is_empty)
}
