//! How clients that a test makes for itself send their requests: as Usher does.

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use futures_util::FutureExt;
use usher::aws::{Place, configure};

pub fn http_client() -> SharedHttpClient {
    let config = configure(Place::Emulator("http://127.0.0.1")).now_or_never();
    let config = config.and_then(Result::ok).expect("nobody is asked");
    config.sdk().http_client().expect("a client")
}
