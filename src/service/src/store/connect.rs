//! Opening a database.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::any::AnyPoolOptions;
use sqlx::migrate::MigrateError;
use sqlx::{AnyPool, Executor};

use super::Store;
use super::write::Writer;

/// Readers at a time.
const READERS: u32 = 8;
/// How long one waits for a connection.
const ACQUIRE: Duration = Duration::from_secs(5);

/// Write-ahead log, so that readers do not wait; synced at every commit, because an approval that was used must not come back
/// after the power failed.
const SQLITE: &str = "PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;";

/// Why a database cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Neither SQLite nor PostgreSQL.
    #[error("`{0}` is not a database; write `sqlite:FILE` or `postgres://USER@HOST/NAME`")]
    Url(String),
    /// The file cannot be opened or made.
    #[error("cannot open the database `{0}`: {reason}", reason = crate::settings::os_reason(.1))]
    File(String, std::io::Error),
    /// It cannot be reached, or not be used.
    #[error("cannot open the database: {0}")]
    Connect(#[from] sqlx::Error),
    /// Its tables are not those of this version.
    #[error("cannot bring the database up to date: {0}")]
    Migrate(#[from] MigrateError),
}

/// Opens `sqlite:FILE` (made when missing) or `postgres://…`, and brings its tables up to date.
///
/// # Errors
/// [`OpenError`], without the URL's password.
pub async fn open(url: &str) -> Result<Store, OpenError> {
    sqlx::any::install_default_drivers();
    let sqlite = match url.split_once(':') {
        Some(("sqlite", file)) => {
            create_private(Path::new(file.trim_start_matches("//")))?;
            true
        }
        Some(("postgres" | "postgresql", _)) => false,
        _ => return Err(OpenError::Url(without_password(url))),
    };
    let writers = pool(url, 1, sqlite).await?;
    sqlx::migrate!("./migrations").run(&writers).await?;
    let readers = pool(url, READERS, sqlite).await?;
    Ok(Store { readers, writer: Writer::start(writers.clone()), writers, outlets: Arc::default() })
}

async fn pool(url: &str, size: u32, sqlite: bool) -> Result<AnyPool, sqlx::Error> {
    AnyPoolOptions::new()
        .max_connections(size)
        .acquire_timeout(ACQUIRE)
        .after_connect(move |connection, _| {
            Box::pin(async move {
                if sqlite {
                    connection.execute(SQLITE).await?;
                }
                Ok(())
            })
        })
        .connect(url)
        .await
}

/// A database holds what agents were going to do: for its owner's eyes.
pub(crate) fn create_private(file: &Path) -> Result<(), OpenError> {
    let mut options = std::fs::OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file).map(drop).map_err(|e| OpenError::File(file.display().to_string(), e))
}

fn without_password(url: &str) -> String {
    match url.split_once('@') {
        Some((_, host)) => format!("…@{host}"),
        None => url.to_owned(),
    }
}
