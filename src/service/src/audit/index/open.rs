//! Opening the index.

use std::path::Path;

use sqlx::any::AnyPoolOptions;
use sqlx::{AnyPool, AssertSqlSafe, Executor as _, Row as _};

use super::{Index, IndexError, Kind, schema};
use crate::store::OpenError;

/// Searches at a time.
const READERS: u32 = 4;

/// See [`Index::newest`].
const NEWEST: i64 = 20_000;

/// Synced at checkpoints only: what is lost is made again. Half a gigabyte is mapped, and the cache has 64 MiB.
const SQLITE: &str = "PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; \
                      PRAGMA cache_size = -65536; PRAGMA mmap_size = 536870912; PRAGMA temp_store = MEMORY;";
/// A search that takes longer is given up.
const POSTGRES: &str = "SET statement_timeout = '30s'";

impl Index {
    /// Opens the index of the log in `directory`: at `database`, or in SQLite beside the log.
    ///
    /// # Errors
    /// [`IndexError`].
    pub async fn open(database: Option<&str>, directory: &Path) -> Result<Self, IndexError> {
        sqlx::any::install_default_drivers();
        let beside = format!("sqlite:{}", directory.join("index.db").display());
        let url = database.unwrap_or(&beside);
        let kind = match url.split_once(':') {
            Some(("sqlite", file)) => {
                crate::store::create_private(Path::new(file.trim_start_matches("//")))?;
                Kind::Sqlite
            }
            Some(("postgres" | "postgresql", _)) => Kind::Postgres,
            _ => return Err(OpenError::Url(url.to_owned()).into()),
        };
        let writer = pool(url, 1, kind, false).await?;
        let readers = pool(url, READERS, kind, true).await?;
        let index = Self { readers, writer, kind, directory: directory.to_owned(), newest: NEWEST };
        index.prepare().await?;
        Ok(index)
    }

    /// Makes the tables, anew when they are of another version.
    async fn prepare(&self) -> Result<(), IndexError> {
        let version =
            sqlx::query("SELECT version FROM audit_state").fetch_optional(&self.writer).await;
        // A table that is not there is an error, and so is a database that is gone: making the tables tells.
        let version: Option<i64> = version.ok().flatten().and_then(|row| row.try_get(0).ok());
        if version.is_some_and(|version| version != schema::VERSION) {
            self.reset().await?;
        } else {
            self.create().await?;
        }
        Ok(())
    }

    async fn create(&self) -> Result<(), IndexError> {
        for statement in schema::create(self.kind) {
            self.writer.execute(AssertSqlSafe(statement)).await?;
        }
        let row = sqlx::query("SELECT COUNT(*) FROM audit_state").fetch_one(&self.writer).await?;
        if row.try_get::<i64, _>(0)? == 0 {
            let first = "INSERT INTO audit_state (version, idx, segment, position, hash) VALUES ($1, 0, 0, 0, '')";
            sqlx::query(first).bind(schema::VERSION).execute(&self.writer).await?;
        }
        Ok(())
    }

    /// Forgets everything.
    pub(super) async fn reset(&self) -> Result<(), IndexError> {
        for table in schema::TABLES {
            // In PostgreSQL the words are an index, which goes with its table.
            if self.kind == Kind::Postgres && table == "audit_words" {
                continue;
            }
            let statement = format!("DROP TABLE IF EXISTS {table}");
            self.writer.execute(AssertSqlSafe(statement)).await?;
        }
        self.create().await
    }

    /// Closes the database.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

async fn pool(url: &str, size: u32, kind: Kind, reads: bool) -> Result<AnyPool, sqlx::Error> {
    AnyPoolOptions::new()
        .max_connections(size)
        .acquire_timeout(std::time::Duration::from_secs(5))
        .after_connect(move |connection, _| {
            Box::pin(async move {
                match kind {
                    Kind::Sqlite => connection.execute(SQLITE).await?,
                    Kind::Postgres if reads => connection.execute(POSTGRES).await?,
                    Kind::Postgres => return Ok(()),
                };
                Ok(())
            })
        })
        .connect(url)
        .await
}
