//! Importing: broken rows are told with their line, the rest is in; real catalogues too.

use crate::world::TestRim;
use central::feed::{self, Put};
use central::import::{self, Form, Imported, Mapping, Refused, What};
use central::task::Unwatched;
use central::{Central, CentralError};
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use sync::protocol::feed::{Feed, StoreRow};
use uuid::Uuid;

/// A store that knows the tax groups of the files.
fn store(connection: &rusqlite::Connection) -> Result<(), CentralError> {
    let group = |key: &str| json!({"key": key, "rates": [{"name": "VAT", "rate_ppm": 26_000}]});
    let row = json!({
        "id": Uuid::from_u128(1), "code": "S001", "name": "Old Mill", "address": "Mill Lane 1",
        "country": "CH", "currency": "CHF", "time_zone": "Europe/Zurich",
        "prices_include_tax": true, "smallest_coin_minor": 5, "notes_minor": [1000],
        "tax_groups": [group("food"), group("standard")], "slots": [],
        "delivery_tax_group": "standard",
    });
    let row: StoreRow = serde_json::from_value(row).unwrap();
    let key = row.id;
    feed::put(connection, &Put { feed: Feed::Config, scope: 1, table: "store", key, rank: 1 }, &row)
}

fn central() -> (tempfile::TempDir, Arc<Central>) {
    let dir = tempfile::tempdir().unwrap();
    let central = Central::open_with(dir.path(), TestRim::new()).unwrap();
    central.database().writer().run(store).unwrap();
    (dir, central)
}

fn run(
    central: &Central,
    what: What,
    text: &str,
    form: Form,
    mapping: &Mapping,
) -> (Imported, Vec<Refused>) {
    let mut refused = Vec::new();
    let mut refuse = |record: &Refused| refused.push(record.clone());
    let file = (text.as_bytes(), form);
    let imported = import::run(central, what, file, mapping, &mut Unwatched, &mut refuse).unwrap();
    refused.sort_by_key(|record| record.line);
    (imported, refused)
}

fn counts(imported: &Imported) -> (u64, u64, u64, u64) {
    (imported.added, imported.changed, imported.unchanged, imported.refused)
}

#[test]
fn broken_rows_are_told_and_the_rest_is_in() {
    let (_dir, central) = central();
    let text = "gtin,name,price,unit,tax_group,currency\n\
        9520000000011,Bio Müsli,4.95,piece,food,CHF\n\
        9520000000012,wrong check digit,1.00,piece,food,CHF\n\
        ,no number,1.00,piece,food,CHF\n\
        9520000000028,,1.00,piece,food,CHF\n\
        9520000000035,有机牛奶,two,piece,food,CHF\n\
        9520000000042,Crème,3.2,barrel,food,CHF\n\
        9520000000059,Thé,3.20,g,food,XXX\n\
        9520000000066,no price,,piece,food,CHF\n\
        9520000000073;96385074,Käse \"rezent\",24.90,g,food,CHF\n\
        9520000000080,short\n\
        96385074,Käse mild,19.90,g,food,CHF\n";
    let mapping = Mapping::default();
    let (imported, refused) = run(&central, What::Articles, text, Form::Csv, &mapping);
    assert_eq!(counts(&imported), (2, 1, 0, 8));
    let lines: Vec<u64> = refused.iter().map(|record| record.line).collect();
    assert_eq!(lines, [3, 4, 5, 6, 7, 8, 9, 11]);
    assert!(refused[0].reason.contains("check digit is 2, it should be 1"), "{:?}", refused[0]);
    assert!(refused[6].reason.contains("`price` is missing"), "{:?}", refused[6]);
    // The same file again: the cheese goes back and forth, the rest is as it was.
    let (again, _) = run(&central, What::Articles, text, Form::Csv, &mapping);
    assert_eq!(counts(&again), (0, 2, 1, 8));
    // A file with numbers and prices only changes prices only.
    let prices = "gtin,name,price_minor\n9520000000011,Bio Müsli,500\n";
    let (changed, _) = run(&central, What::Articles, prices, Form::Csv, &mapping);
    assert_eq!(counts(&changed), (0, 1, 0, 0));
    let row: String = central
        .database()
        .read(|c| {
            let sql = "SELECT row FROM feed_row WHERE row LIKE '%Bio Müsli%'";
            Ok(c.query_row(sql, [], |row| row.get(0))?)
        })
        .unwrap();
    assert!(row.contains("\"price_minor\":500") && row.contains("\"tax_group\":\"food\""), "{row}");
}

/// Cases have numbers of their own, which the article is scanned under too.
#[test]
fn packs_are_imported_and_corrected() {
    let (_dir, central) = central();
    let text = "gtin,packs,name,price,unit,tax_group\n\
        9520000000011,19520000000018=12;29520000000015=144,Tea,4.95,piece,food\n\
        9520000000028,19520000000025,no pieces,1.00,piece,food\n\
        9520000000035,19520000000032=1,a pack of one,1.00,piece,food\n\
        9520000000042,19520000000044=12,wrong check digit,1.00,piece,food\n\
        9520000000059,19520000000056=20,by weight,1.00,g,food\n\
        9520000000066,9520000000066=6,its own number,1.00,piece,food\n\
        9520000000073,19520000000018=6,the case of the tea,1.00,piece,food\n";
    let mapping = Mapping::default();
    let (imported, refused) = run(&central, What::Articles, text, Form::Csv, &mapping);
    assert_eq!(counts(&imported), (1, 0, 0, 6));
    let why = [
        "the pieces in it",
        "2 to 9999 pieces",
        "check digit",
        "only pieces",
        "a number of its own",
        "belongs to another article",
    ];
    for (record, said) in refused.iter().zip(why) {
        assert!(record.reason.contains(said), "{record:?}");
    }
    // Another size of the case: the rest stays.
    let again = "gtin,packs,name\n9520000000011,19520000000018=10,Tea\n";
    let (changed, _) = run(&central, What::Articles, again, Form::Csv, &mapping);
    assert_eq!(counts(&changed), (0, 1, 0, 0));
    let row: String = central
        .database()
        .read(|c| {
            let sql = "SELECT row FROM feed_row WHERE row LIKE '%Tea%'";
            Ok(c.query_row(sql, [], |row| row.get(0))?)
        })
        .unwrap();
    let row: serde_json::Value = serde_json::from_str(&row).unwrap();
    assert_eq!(row["gtins"], json!(["09520000000011", "19520000000018", "29520000000015"]));
    let packs = json!([
        {"gtin": "19520000000018", "pieces": 10},
        {"gtin": "29520000000015", "pieces": 144},
    ]);
    assert_eq!(row["packs"], packs);
}

#[test]
fn customers_are_known_by_their_id_elsewhere() {
    let (_dir, central) = central();
    let mapping = Mapping {
        columns: [("external_id".to_owned(), "kundennr".to_owned())].into(),
        constants: [("country".to_owned(), "ch".to_owned())].into(),
    };
    let text = "{\"kundennr\": 17, \"name\": \"王小明\", \"phones\": [\"+41 79 111 22 33\"]}\n\
        {\"kundennr\": \"18\", \"name\": \"Zoë Müller\", \"email\": \"zoe@example.org\", \
         \"street\": \"Seeweg 1\", \"postal_code\": \"3012\", \"city\": \"Bern\"}\n\
        {\"kundennr\": 19, \"name\": \"x\", \"email\": \"nothing\"}\n\
        {\"name\": \"nobody\"}\n\
        not json\n\
        {\"kundennr\": 17, \"name\": \"王小明\", \"cards\": [\"2900000000001\"]}\n";
    let (imported, refused) = run(&central, What::Customers, text, Form::JsonLines, &mapping);
    assert_eq!(counts(&imported), (2, 1, 0, 3));
    assert_eq!(refused.iter().map(|record| record.line).collect::<Vec<_>>(), [3, 4, 5]);
    // Reasons tell no personal data.
    assert!(refused.iter().all(|record| !record.reason.contains("nothing")), "{refused:?}");
    let count = central
        .database()
        .read(|c| {
            let sql = "SELECT count(*) FROM feed_row WHERE feed = 4 AND row LIKE '%+41 79 111%'
                       AND row LIKE '%2900000000001%'";
            Ok(c.query_row(sql, [], |row| row.get::<_, i64>(0))?)
        })
        .unwrap();
    assert_eq!(count, 1, "the second record added a card and kept the phone");
}

#[test]
fn a_real_catalogue_of_a_hundred_thousand_goes_in() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let path = root.join("../shared/corpora/catalogue/products_100k.csv.gz");
    if !path.exists() {
        println!("skipped: {} is not here", path.display());
        return;
    }
    let unpacked = std::process::Command::new("gzip").arg("-dc").arg(&path).output();
    let Ok(unpacked) = unpacked.map(|output| output.stdout) else {
        println!("skipped: gzip is not here");
        return;
    };
    let (_dir, central) = central();
    let mapping =
        Mapping { columns: [].into(), constants: [("price".to_owned(), "1.95".to_owned())].into() };
    let text = String::from_utf8(unpacked).unwrap();
    let (imported, refused) = run(&central, What::Articles, &text, Form::Csv, &mapping);
    println!("{imported:?}; first refusals: {:?}", refused.iter().take(5).collect::<Vec<_>>());
    let records = text.lines().count() as u64 - 1;
    assert_eq!(imported.added + imported.changed + imported.unchanged + imported.refused, records);
    assert!(imported.added > 99_000, "{imported:?}");
    assert_eq!(refused.len() as u64, imported.refused);
}

#[test]
fn a_card_belongs_to_one_customer() {
    let (_dir, central) = central();
    let text = "external_id,name,card\n1,A,C1;C2\n2,B,C2\n3,C,C3\n";
    let (imported, refused) = run(&central, What::Customers, text, Form::Csv, &Mapping::default());
    assert_eq!(counts(&imported), (2, 0, 0, 1));
    assert_eq!(refused[0].line, 3);
    assert_eq!(refused[0].reason, "`card` belongs to another customer");
    // Their own card is theirs, again and again.
    let (imported, _) = run(&central, What::Customers, text, Form::Csv, &Mapping::default());
    assert_eq!(counts(&imported), (0, 0, 2, 1));
}

#[test]
fn a_file_that_cannot_be_meant_is_refused_as_a_whole() {
    let (_dir, central) = central();
    let mapped =
        Mapping { columns: [("name".to_owned(), "Titel".to_owned())].into(), ..Mapping::default() };
    let cases: [(&[u8], &Mapping, &str); 3] = [
        (b"\xff\xfeg\0t\0", &Mapping::default(), "UTF-16"),
        (b"\xfe\xff\0g\0t", &Mapping::default(), "UTF-16"),
        (b"gtin,titel\n", &mapped, "no column `Titel`"),
    ];
    for (bytes, mapping, words) in cases {
        let failed = import::run(
            &central,
            What::Articles,
            (bytes, Form::Csv),
            mapping,
            &mut Unwatched,
            &mut |_: &Refused| {},
        );
        let failed = failed.map(|imported| counts(&imported)).unwrap_err();
        let told = std::error::Error::source(&failed).unwrap().to_string();
        assert!(told.contains(words), "{told}");
    }
}
