//! What each of the five sample shops sells, to whom, and who stands at the till.

use crate::app::intent::Language;

/// One article: name, category and size, price in hundredths.
pub struct Article {
    pub name: &'static str,
    pub detail: &'static str,
    pub price: i64,
}

/// A shop.
pub struct Goods {
    pub country: &'static str,
    pub currency: &'static str,
    /// What a price in the table is multiplied with to be in this currency's minor unit.
    pub price_factor: i64,
    pub store: &'static str,
    pub store_address: &'static str,
    pub tax: &'static str,
    pub staff: [&'static str; 5],
    pub staff_initials: [&'static str; 5],
    pub customers: [&'static str; 5],
    pub customer_initials: [&'static str; 2],
    pub cities: [&'static str; 3],
    pub phones: [&'static str; 3],
    pub address: [&'static str; 3],
    pub article_query: &'static str,
    pub customer_query: &'static str,
    pub articles: [Article; 7],
}

/// The shop whose people speak `language`.
pub fn of(language: Language) -> Goods {
    match language {
        Language::English => english(),
        Language::French => french(),
        Language::German => german(),
        Language::SimplifiedChinese => simplified_chinese(),
        Language::TraditionalChinese => traditional_chinese(),
    }
}

const fn article(name: &'static str, detail: &'static str, price: i64) -> Article {
    Article { name, detail, price }
}

fn english() -> Goods {
    Goods {
        country: "CA",
        currency: "CAD",
        price_factor: 1,
        store: "Mill Street General",
        store_address: "14 Mill Street, Creemore ON",
        tax: "HST",
        staff: ["Hannah Whitcombe", "Luke Okafor", "Priya Raman", "Tom Birch", "Mei Lin"],
        staff_initials: ["HW", "LO", "PR", "TB", "ML"],
        customers: [
            "Margaret Featherstone",
            "Callum Reid",
            "Ines Duarte",
            "Owen Pryce",
            "Ada Nwosu",
        ],
        customer_initials: ["MF", "CR"],
        cities: ["Creemore", "Dunedin", "Avening"],
        phones: ["705 ••• ••21", "705 ••• ••08", "416 ••• ••77"],
        address: ["Margaret Featherstone", "8 Caroline Street West", "Creemore ON L0M 1G0"],
        article_query: "bread",
        customer_query: "mar",
        articles: [
            article("Sourdough rye bread", "Bakery · 750 g", 720),
            article("Maple syrup, amber, organic", "Pantry · 540 ml", 1_890),
            article("Merino walking socks, grey marl", "Clothing · M", 2_400),
            article("Aged cheddar from the farm", "Dairy counter", 3_890),
            article("Enamel kettle, two litres, forest green", "Kitchen", 6_450),
            article("Free-range eggs", "Dairy · 6 pieces", 549),
            article("Beeswax candle", "Household", 1_250),
        ],
    }
}

fn french() -> Goods {
    Goods {
        country: "FR",
        currency: "EUR",
        price_factor: 1,
        store: "Épicerie du Pont-Neuf",
        store_address: "3, quai de la Tournelle, 75005 Paris",
        tax: "TVA",
        staff: [
            "Élodie Marchandeau",
            "Karim Benali",
            "Solène Le Goff",
            "Bastien Roux",
            "Inès Carvalho",
        ],
        staff_initials: ["ÉM", "KB", "SL", "BR", "IC"],
        customers: [
            "Marie-Antoinette de La Rochefoucauld",
            "Hugo Lefèvre",
            "Aïcha Diallo",
            "Paul Nguyen",
            "Noémie Garnier",
        ],
        customer_initials: ["MR", "HL"],
        cities: ["Paris 5e", "Ivry-sur-Seine", "Saint-Maur-des-Fossés"],
        phones: ["06 •• •• •• 21", "07 •• •• •• 08", "01 •• •• •• 77"],
        address: [
            "Marie-Antoinette de La Rochefoucauld",
            "12, rue du Faubourg-Saint-Antoine",
            "75012 Paris",
        ],
        article_query: "pain",
        customer_query: "mar",
        articles: [
            article("Pain de campagne au levain", "Boulangerie · 800 g", 540),
            article("Huile d’olive vierge extra de Provence", "Épicerie · 50 cl", 1_490),
            article("Chaussettes de randonnée en laine mérinos", "Textile · taille M", 1_990),
            article("Comté AOP affiné 18 mois", "Fromage à la coupe", 3_490),
            article("Bouilloire émaillée deux litres, vert sapin", "Cuisine", 5_450),
            article("Œufs de poules élevées en plein air", "Crèmerie · 6 pièces", 379),
            article("Bougie à la cire d’abeille", "Maison", 990),
        ],
    }
}

fn german() -> Goods {
    Goods {
        country: "CH",
        currency: "CHF",
        price_factor: 1,
        store: "Dorfladen Kreuzgasse",
        store_address: "Kreuzgasse 12, 3011 Bern",
        tax: "MwSt.",
        staff: [
            "Annegret Zurbriggen-Oberholzer",
            "Luca Rossi",
            "Fatima Yıldız",
            "Beat Käser",
            "Mira Jovanović",
        ],
        staff_initials: ["AZ", "LR", "FY", "BK", "MJ"],
        customers: [
            "Hans-Ulrich Schwarzenberger-Müller",
            "Regula Bächtiger",
            "Sofia Petrović",
            "Köbi Grütter",
            "Yvonne Amstutz",
        ],
        customer_initials: ["HS", "RB"],
        cities: ["Bern", "Münchenbuchsee", "Herzogenbuchsee"],
        phones: ["079 ••• •• 21", "078 ••• •• 08", "031 ••• •• 77"],
        address: [
            "Hans-Ulrich Schwarzenberger-Müller",
            "Obere Dorfbachstrasse 117a",
            "3053 Münchenbuchsee",
        ],
        article_query: "brot",
        customer_query: "schw",
        articles: [
            article("Roggen-Sauerteigbrot aus dem Holzofen", "Backwaren · 750 g", 680),
            article("Sauerkirschkonfitüre, ungesüsst", "Vorräte · 340 g", 790),
            article("Merino-Wandersocken, graumeliert", "Textil · Grösse 39–42", 2_490),
            article("Emmentaler AOP, höhlengereift 14 Monate", "Käsetheke, offen", 2_690),
            article("Wasserkessel emailliert, zwei Liter, tannengrün", "Küche", 6_900),
            article("Freilandeier aus der Region", "Milch & Eier · 6 Stück", 560),
            article("Bienenwachskerze handgezogen", "Haushalt", 1_450),
        ],
    }
}

fn simplified_chinese() -> Goods {
    Goods {
        country: "CN",
        currency: "CNY",
        price_factor: 5,
        store: "十字路口杂货店",
        store_address: "杭州市上城区中山中路 128 号",
        tax: "增值税",
        staff: ["陈晓敏", "王建国", "刘佳怡", "张伟", "赵丽"],
        staff_initials: ["晓敏", "建国", "佳怡", "张伟", "赵丽"],
        customers: ["欧阳婉清", "李思远", "孙梦洁", "周子涵", "吴国强"],
        customer_initials: ["婉清", "思远"],
        cities: ["上城区", "西湖区", "萧山区"],
        phones: ["138 •••• ••21", "139 •••• ••08", "186 •••• ••77"],
        address: ["欧阳婉清", "西湖区文三路 259 号 6 幢 1203 室", "310012 杭州"],
        article_query: "面包",
        customer_query: "欧阳",
        articles: [
            article("全麦酸面团黑麦面包", "烘焙 · 750 克", 560),
            article("有机桂花龙井茶礼盒", "茶叶 · 250 克", 2_560),
            article("美利奴羊毛徒步袜(麻灰)", "服装 · M 码", 1_580),
            article("云南牦牛奶酪", "冷柜 · 散装", 2_380),
            article("珐琅烧水壶 2 升(松绿色)", "厨具", 3_980),
            article("散养土鸡蛋", "蛋奶 · 6 枚", 360),
            article("手工蜂蜡蜡烛", "家居", 780),
        ],
    }
}

fn traditional_chinese() -> Goods {
    Goods {
        country: "TW",
        currency: "TWD",
        price_factor: 22,
        store: "十字路口雜貨店",
        store_address: "臺北市大同區迪化街一段 128 號",
        tax: "營業稅",
        staff: ["陳曉敏", "王建國", "劉佳怡", "張志偉", "趙麗華"],
        staff_initials: ["曉敏", "建國", "佳怡", "志偉", "麗華"],
        customers: ["歐陽婉清", "李思遠", "孫夢潔", "周子涵", "吳國強"],
        customer_initials: ["婉清", "思遠"],
        cities: ["大同區", "信義區", "板橋區"],
        phones: ["0912 ••• •21", "0933 ••• •08", "02 •••• ••77"],
        address: ["歐陽婉清", "信義區松仁路 259 號 12 樓之 3", "110 臺北市"],
        article_query: "麵包",
        customer_query: "歐陽",
        articles: [
            article("全麥酸種黑麥麵包", "烘焙 · 750 公克", 560),
            article("有機桂花烏龍茶禮盒", "茶葉 · 250 公克", 2_560),
            article("美麗諾羊毛健行襪(麻灰)", "服飾 · M 號", 1_580),
            article("熟成切達起司", "冷藏櫃 · 散裝", 2_380),
            article("琺瑯燒水壺 2 公升(松綠色)", "廚具", 3_980),
            article("放牧土雞蛋", "蛋奶 · 6 顆", 360),
            article("手工蜂蠟蠟燭", "居家", 780),
        ],
    }
}
