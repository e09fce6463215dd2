//! The style sheet and the script, in the program itself, under names that change with their content.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

/// A file that pages load.
#[derive(Debug)]
pub struct Asset {
    /// Its path, with a digest of its content.
    pub path: String,
    media_type: &'static str,
    content: &'static str,
}

/// Everything that pages load.
#[derive(Debug)]
pub struct Assets {
    /// The style sheet.
    pub style: Asset,
    /// The script. Pages work without it.
    pub script: Asset,
    /// The icon.
    pub icon: Asset,
}

/// The files.
pub static ASSETS: LazyLock<Assets> = LazyLock::new(|| Assets {
    style: asset(
        "inbox",
        "css",
        "text/css; charset=utf-8",
        concat!(include_str!("assets/inbox.css"), include_str!("assets/audit.css")),
    ),
    script: asset("inbox", "js", "text/javascript; charset=utf-8", include_str!("assets/inbox.js")),
    icon: asset("icon", "svg", "image/svg+xml", include_str!("assets/icon.svg")),
});

fn asset(name: &str, kind: &str, media_type: &'static str, content: &'static str) -> Asset {
    let digest = URL_SAFE_NO_PAD.encode(Sha256::digest(content.as_bytes()));
    let short = digest.get(..16).unwrap_or_default();
    Asset { path: format!("/assets/{name}.{short}.{kind}"), media_type, content }
}

/// `GET /assets/{name}`.
pub async fn serve(Path(name): Path<String>) -> Response {
    let Assets { style, script, icon } = &*ASSETS;
    let asked = |a: &&Asset| a.path.strip_prefix("/assets/") == Some(&*name);
    let Some(asset) = [style, script, icon].into_iter().find(asked) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let kept = "public, max-age=31536000, immutable";
    ([(header::CONTENT_TYPE, asset.media_type), (header::CACHE_CONTROL, kept)], asset.content)
        .into_response()
}
