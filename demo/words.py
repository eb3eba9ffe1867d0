"""The words of which the demo shop is made."""

FIRST_NAMES = ["Ada", "Björn", "Chiara", "Dmitri", "Élodie", "Fatima", "Hiroshi", "Inês", "Łucja", "Mei"]
LAST_NAMES = ["Adams", "Bianchi", "Chen", "Dvořák", "Fernández", "Haddad", "Ito", "Kowalska", "O'Brien"]
CITIES = ["Amsterdam", "Kraków", "Lagos", "Lyon", "Osaka", "Porto", "São Paulo", "Toronto", None, ""]
TITLES = ["Sales agent", "Buyer", "Support", "Team lead", "Accountant"]
TAGS = ["garden", "kitchen", "travel", "gifts", "tools"]
ADJECTIVES = ["Sturdy", "Light", "Folding", "Handmade", "Quiet", "Waterproof", "Antique"]
GOODS = ["teapot", "garden chair", "desk lamp", "rain coat", "bicycle bell", "wool blanket", "chess set"]
COLOURS = ["red", "navy blue", "olive", "weiß", "черный", "緑"]
STATUSES = ["new", "paid", "shipped", "returned"]
HABITS = ["orders at night", "always pays late", "collects coupons", "never returns a thing"]
NOTES = [
    "Leave it with the neighbour.",
    "Gift wrap, please 🎁",
    "Damaged in transit; the customer wants a refund.",
    "Ring twice | the bell is broken: knock",
    "",
]
ODD_TEXTS = [
    "",
    None,
    "👩‍🚀 naïve café — “quoted”",
    'back\\slash, tab\t, line\nbreak, "quotes" and a control \x01',
    "مرحبا بالعالم",
    "word " * 800,
]
