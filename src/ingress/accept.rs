//! Media types: what a request's body is, and whether its sender takes JSON back.

/// `type/subtype` in lower case, and the `charset` if one is named.
pub(super) fn media_type(header: &str) -> (String, Option<String>) {
    let mut parts = header.split(';');
    let essence = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
    let charset = parts
        .filter_map(|parameter| parameter.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"))
        .map(|(_, value)| value.trim().trim_matches('"').to_ascii_lowercase());
    (essence, charset)
}

/// Whether `Accept` allows `application/json` (RFC 9110, 12.5.1): the most specific range decides, and a weight of 0 forbids.
///
/// No header, an empty one and one without a single readable range allow anything.
pub(super) fn takes_json(accept: Option<&str>) -> bool {
    let Some(accept) = accept else { return true };
    let mut readable = false;
    let mut best: Option<(u8, bool)> = None;
    for range in accept.split(',') {
        let (essence, _) = media_type(range);
        if !essence.contains('/') {
            continue;
        }
        readable = true;
        let specific = match essence.as_str() {
            "*/*" => 1,
            "application/*" => 2,
            "application/json" => 3,
            _ => continue,
        };
        let allowed = !is_zero_weight(range);
        best = match best {
            Some((known, _)) if known > specific => best,
            Some((known, before)) if known == specific => Some((known, before || allowed)),
            Some(_) | None => Some((specific, allowed)),
        };
    }
    !readable || best.is_some_and(|(_, allowed)| allowed)
}

fn is_zero_weight(range: &str) -> bool {
    range
        .split(';')
        .skip(1)
        .filter_map(|parameter| parameter.split_once('='))
        .filter(|(name, _)| name.trim().eq_ignore_ascii_case("q"))
        .any(|(_, weight)| {
            weight
                .trim()
                .parse::<f32>()
                .is_ok_and(|weight| weight <= 0.0)
        })
}
