//! The twin migrations give both engines the same books.

use acceptance::for_each_engine;
use ledger::calendar::Moment;
use ledger_store::db::Db;
use ledger_store::migrate::{migrate, schema_version};

#[tokio::test]
async fn an_empty_database_reaches_the_newest_version() {
    for_each_engine(async |url| {
        let db = Db::open(url).await.unwrap();
        let newest = migrations::ALL.last().unwrap().version;
        assert_eq!(migrate(&db, Moment(0)).await.unwrap(), newest);
        assert_eq!(migrate(&db, Moment(0)).await.unwrap(), newest);
        assert_eq!(schema_version(&db).await.unwrap(), Some(newest));
    })
    .await;
}
