//! The calendar of working days: imported as data, whole or not at all, the newest notice counts.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use acceptance::for_each_engine;
use acceptance::office::{Office, day, done, told};
use api::app::calendar::{self, Source};

fn file(name: &str, text: &str) -> Source {
    Source {
        file_name: name.to_owned(),
        bytes: text.as_bytes().to_vec(),
    }
}

#[tokio::test]
async fn the_newest_notice_of_a_year_counts() {
    for_each_engine(async |url| {
        let office = Office::open(url).await;
        let (app, maker) = (&office.app, office.who("maker"));
        let october = async || {
            let mut tx = app.db.begin_read().await.unwrap();
            let book = maker.book.id;
            let worked = calendar::is_working_day(&mut tx, book, day("2022-10-08"))
                .await
                .unwrap();
            let third = calendar::add_working_days(&mut tx, book, day("2022-09-30"), 3).await;
            tx.rollback().await.unwrap();
            (worked, third.unwrap().to_string())
        };
        // Without a notice there are weekends only, and the list says so.
        assert_eq!(october().await, (false, "2022-10-05".to_owned()));
        let list = calendar::list(app, maker, 2022).await.unwrap();
        assert_eq!(list.json["loaded"], false);
        assert!(list.tables[0].title.zh.contains("未导入"));

        let shipped = Source::shipped(2022).unwrap();
        let answer = done(calendar::import(app, maker, &shipped, None).await);
        assert_eq!(answer["years"][0]["document"], "国办发明电〔2021〕11号");
        assert_eq!(october().await, (true, "2022-10-10".to_owned()));
        let again = done(calendar::import(app, maker, &shipped, None).await);
        assert_eq!(again["unchanged"][0], 2022);

        // A county's own notice replaces it; a file with a fault changes nothing.
        let own = "年度,日期,安排,节日,文号\n2022,2022-10-03,放假,国庆节,示例〔2022〕2号\n";
        let faulty = format!("{own}2022,2022-10-04,上班,国庆节,示例〔2022〕2号\n");
        let told = |result| told(&result);
        let refused = calendar::import(app, maker, &file("a.csv", &faulty), None).await;
        assert_eq!(told(refused), "CMD-0003");
        assert_eq!(october().await, (true, "2022-10-10".to_owned()));
        let answer = done(calendar::import(app, maker, &file("a.csv", own), None).await);
        assert_eq!(answer["years"][0]["version"], 2);
        assert_eq!(october().await, (false, "2022-10-06".to_owned()));

        let cashier = calendar::import(app, office.who("cashier"), &shipped, None).await;
        assert_eq!(told(cashier), "AUTH-0004");
        office.assert_invariants().await;
    })
    .await;
}
