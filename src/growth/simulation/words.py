"""Names: cities, categories, brands, products, search queries. Populations are rounded and serve as weights only."""

from __future__ import annotations

from typing import NamedTuple

# city, tier (index into CITY_TIERS), population in thousands (about; census of 2020)
CITIES: tuple[tuple[str, int, int], ...] = (
    ("北京", 0, 21890), ("上海", 0, 24870), ("广州", 0, 18680), ("深圳", 0, 17560),
    ("成都", 1, 20940), ("重庆", 1, 32050), ("杭州", 1, 11940), ("武汉", 1, 12330), ("西安", 1, 12950),
    ("苏州", 1, 12750), ("天津", 1, 13870), ("南京", 1, 9310), ("长沙", 1, 10050), ("郑州", 1, 12600),
    ("东莞", 1, 10470), ("青岛", 1, 10070),
    ("昆明", 2, 8460), ("宁波", 2, 9400), ("合肥", 2, 9370), ("佛山", 2, 9500), ("沈阳", 2, 9070),
    ("无锡", 2, 7460), ("济南", 2, 9200), ("厦门", 2, 5160), ("福州", 2, 8290), ("温州", 2, 9570),
    ("哈尔滨", 2, 10010), ("石家庄", 2, 11240),
    ("洛阳", 3, 7060), ("汕头", 3, 5500), ("绵阳", 3, 4870), ("赣州", 3, 8970), ("襄阳", 3, 5260),
    ("遵义", 3, 6610), ("临沂", 3, 11020), ("邯郸", 3, 9410), ("柳州", 3, 4160), ("宜昌", 3, 4010),
    ("桂林", 3, 4930), ("银川", 3, 2860),
)  # fmt: skip


class Category(NamedTuple):
    """A category: what it costs, how often it is needed, and its words."""

    name: str
    price: float  # reference price, CNY
    share: float  # of needs
    by_type: tuple[float, ...]  # factor on the share, by type
    returns: float  # chance that a delivered line is sent back
    more_units: float  # chance of one more unit
    brands: tuple[str, ...]
    nouns: tuple[str, ...]  # one a product
    queries: tuple[str, ...]


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split("|"))


CATEGORIES: tuple[Category, ...] = (
    Category(
        "食品", 36.0, 0.17, (1.2, 0.9, 0.8, 1.2), 0.012, 0.42,
        _words("禾田|山间小集|GreenBarn|味里"),
        _words("坚果礼盒|乌龙茶|牛肉干|燕麦片|蜂蜜|挂耳咖啡|冻干草莓|黑芝麻糊|手工面|橄榄油|辣椒酱|无糖饼干"),
        _words("坚果|零食 无糖|coffee|茶叶 礼盒|橄榄油"),
    ),
    Category(
        "个护", 48.0, 0.13, (1.1, 1.0, 0.9, 1.1), 0.02, 0.3,
        _words("清野|PureLeaf|木兰里|一沐"),
        _words("洗发水|沐浴露|电动牙刷头|护手霜|牙膏|洗手液|身体乳|剃须刀|漱口水|发膜|香皂|棉柔巾"),
        _words("洗发水 去屑|shampoo|电动牙刷|护手霜"),
    ),
    Category(
        "母婴", 96.0, 0.08, (1.1, 1.2, 0.6, 1.0), 0.04, 0.28,
        _words("小芽|BabyNest|暖暖家"),
        _words("纸尿裤|婴儿湿巾|奶瓶|儿童水杯|连体衣|辅食机|绘本套装|安抚玩偶|婴儿洗衣液|背带|学步鞋|积木"),
        _words("纸尿裤 L|奶瓶|baby bottle|绘本 3岁"),
    ),
    Category(
        "家居", 88.0, 0.14, (1.0, 1.0, 1.1, 1.0), 0.05, 0.14,
        _words("原木集|NordHaus|宅里|素白"),
        _words("四件套|台灯|收纳箱|香薰|抱枕|餐具套装|砧板|毛巾|挂钟|地毯|衣架|窗帘"),
        _words("收纳|台灯 护眼|四件套|candle|地毯 客厅"),
    ),
    Category(
        "服饰", 158.0, 0.15, (1.0, 0.9, 1.4, 0.8), 0.17, 0.06,
        _words("拾衣|Urban Thread|南岸|云织"),
        _words("羽绒服|衬衫|牛仔裤|卫衣|连衣裙|针织衫|运动裤|风衣|T恤|半身裙|睡衣|帽子"),
        _words("连衣裙 新款|羽绒服|hoodie|大码 衬衫|汉服"),
    ),
    Category(
        "运动户外", 196.0, 0.07, (0.9, 1.1, 1.2, 0.8), 0.09, 0.05,
        _words("迅行|TrailPeak|力场"),
        _words("跑鞋|瑜伽垫|帐篷|登山杖|运动背包|速干衣|跳绳|骑行头盔|保温壶|折叠椅|泳镜|哑铃"),
        _words("跑鞋 男|露营 帐篷|yoga mat|飞盘"),
    ),
    Category(
        "美妆", 168.0, 0.1, (0.9, 1.1, 1.3, 0.9), 0.05, 0.1,
        _words("花见|Lumière|黛青|霁色"),
        _words("口红|精华液|面膜|粉底液|眼影盘|防晒霜|卸妆油|香水|眉笔|散粉|腮红|眼霜"),
        _words("口红 显白|精华|sunscreen|香水 小众"),
    ),
    Category(
        "图书文具", 42.0, 0.06, (1.0, 1.2, 1.1, 0.9), 0.02, 0.2,
        _words("知行社|PaperMoon|墨研"),
        _words("小说|手账本|钢笔|绘画套装|历史读本|便签|书签|日历|英语词典|中性笔|画册|文件夹"),
        _words("手账|钢笔|notebook|考研 英语"),
    ),
    Category(
        "数码", 820.0, 0.05, (1.0, 1.1, 1.0, 1.0), 0.06, 0.02,
        _words("极目|Voltix|星衡"),
        _words("蓝牙耳机|智能手表|键盘|鼠标|移动硬盘|显示器|音箱|平板支架|路由器|行车记录仪|摄像头|电子书"),
        _words("蓝牙耳机 降噪|键盘 机械|smart watch|显示器 4K"),
    ),
    Category(
        "小家电", 268.0, 0.05, (1.0, 1.1, 0.8, 1.3), 0.05, 0.03,
        _words("日日煮|HomeWell|清风"),
        _words("空气炸锅|养生壶|吹风机|加湿器|扫地机器人|电饭煲|咖啡机|榨汁机|挂烫机|净水器|电热毯|风扇"),
        _words("空气炸锅|扫地机器人|air fryer|加湿器 静音"),
    ),
)  # fmt: skip

# What is searched for and not found: needs that the shop does not meet.
UNMET = (
    "猫粮",
    "宠物 饮水机",
    "鲜花 同城",
    "e-bike",
    "中药 足浴",
    "二手 相机",
    "gluten free bread",
    "露营 皮划艇",
)

OCCUPATIONS = ("企业职员", "学生", "自由职业", "公务员", "教师", "医护", "个体经营", "工人", "退休")
STYLES = (
    "经典款",
    "升级款",
    "轻享装",
    "家庭装",
    "设计师款",
    "礼盒",
    "小众款",
    "基础款",
    "Pro",
    "mini",
    "限定",
    "联名",
)
REASONS = ("不喜欢", "尺寸不合", "质量问题", "与描述不符", "送达太晚", "发错货")
