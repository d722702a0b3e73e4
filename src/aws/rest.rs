//! Requests and answers of the REST protocol, where all that is sent and read are texts.

use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};

use super::ServiceError;

/// All but the unreserved characters (RFC 3986, section 2.3).
pub(super) const RESERVED: AsciiSet = NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A path of these segments.
///
/// # Errors
/// When one is empty or leads elsewhere (RFC 3986, section 3.3): `..` would turn a user profile into its domain.
pub(super) fn path(segments: &[&str]) -> Result<String, ServiceError> {
    let mut path = String::new();
    for segment in segments {
        if ["", ".", ".."].contains(segment) {
            let reason =
                format!("{segment:?} cannot be a part of a path; nothing can have this name");
            return Err(ServiceError::unsendable(reason));
        }
        path.push('/');
        path.extend(utf8_percent_encode(segment, &RESERVED));
    }
    Ok(path)
}

/// A path and the parts of the query that there are.
pub(super) fn with_query(mut path: String, query: &[(&str, Option<&str>)]) -> String {
    let there = query
        .iter()
        .filter_map(|(name, value)| Some((name, (*value)?)));
    for (nth, (name, value)) in there.enumerate() {
        path.push(if nth == 0 { '?' } else { '&' });
        path.push_str(name);
        path.push('=');
        path.extend(utf8_percent_encode(value, &RESERVED));
    }
    path
}

/// A body of the members that there are.
pub(super) fn body(members: &[(&str, Option<&str>)]) -> Bytes {
    let there = members
        .iter()
        .filter_map(|(name, value)| Some(((*name).to_owned(), (*value)?.into())));
    Value::Object(there.collect()).to_string().into()
}

/// These members of an object, those that are there. Nothing, if one is no text or it is no object.
pub(super) fn keep(object: &Value, names: &[&str]) -> Option<Map<String, Value>> {
    let object = object.as_object()?;
    let mut kept = Map::new();
    for name in names {
        match object.get(*name) {
            None | Some(Value::Null) => {}
            Some(text @ Value::String(_)) => {
                kept.insert((*name).to_owned(), text.clone());
            }
            Some(_) => return None,
        }
    }
    Some(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_leads_elsewhere() {
        for segment in ["", ".", ".."] {
            let error = path(&["users", segment]).expect_err("it is refused");
            assert_eq!(error.code, "Usher.Request", "{segment:?}");
        }
        let encoded = path(&["users", "../a b%ü", "...", "~x"]).expect("a path");
        assert_eq!(encoded, "/users/..%2Fa%20b%25%C3%BC/.../~x");
    }

    #[test]
    fn only_texts_are_kept_and_anything_else_spoils_the_answer() {
        let answer = serde_json::json!({"a": "x", "b": null, "c": 5});
        let kept = keep(&answer, &["a", "b", "d"]).map(Value::Object);
        assert_eq!(kept, Some(serde_json::json!({"a": "x"})));
        assert_eq!(keep(&answer, &["c"]), None);
        assert_eq!(keep(&Value::Null, &["a"]), None);
    }
}
