//! Empty databases for tests: SQLite, and PostgreSQL where `SCOPEWARDEN_TEST_POSTGRES` names a server.

use sqlx::Executor as _;
use uuid::Uuid;

use crate::store::{self, Store};

/// A database of its own for one test.
pub(crate) struct Database {
    pub(crate) url: String,
    _folder: Option<tempfile::TempDir>,
}

impl Database {
    pub(crate) async fn open(&self) -> Store {
        store::open(&self.url).await.unwrap()
    }
}

/// One of each kind there is.
pub(crate) async fn databases() -> Vec<Database> {
    let folder = tempfile::tempdir().unwrap();
    let sqlite = format!("sqlite:{}", folder.path().join("approvals.db").display());
    let mut all = vec![Database { url: sqlite, _folder: Some(folder) }];
    if let Ok(server) = std::env::var("SCOPEWARDEN_TEST_POSTGRES") {
        sqlx::any::install_default_drivers();
        let name = format!("t{}", Uuid::now_v7().simple());
        let admin = sqlx::AnyPool::connect(&server).await.unwrap();
        let create = format!("CREATE DATABASE {name}");
        admin.execute(sqlx::AssertSqlSafe(create)).await.unwrap();
        let (base, query) = server.split_once('?').unwrap_or((&server, ""));
        let base = base.rsplit_once('/').unwrap().0;
        let url = if query.is_empty() {
            format!("{base}/{name}")
        } else {
            format!("{base}/{name}?{query}")
        };
        all.push(Database { url, _folder: None });
    }
    all
}
