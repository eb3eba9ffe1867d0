// A small library: 30 nodes, 47 relationships. Beside plain records it holds what a graph may hold:
// several labels and none, parallel relationships and a self loop, times, durations, points, lists.
CREATE
  (ada:Person:Author {name: 'Ada Lindqvist', email: 'ada@library.example', born: date('1931-04-02'),
    biography: 'Wrote about lighthouses, tides and the people who keep watch.'}),
  (tomas:Person:Author {name: 'Tomás Iglesias', email: 'tomas@library.example', born: date('1958-11-19'),
    biography: 'A gardener who writes about soil, bees and patience.'}),
  (mei:Person:Author:Reader {name: 'Mei Tanaka', email: 'mei@library.example',
    biography: 'Translates sea charts into stories.', joined: datetime('2022-05-14T10:30:00+02:00[Europe/Paris]')}),
  (olu:Person:Author {name: 'Olu Adeyemi', email: 'olu@library.example', born: date('1979-08-30'),
    biography: 'Baker, then novelist.'}),

  (ben:Person:Reader {name: 'Ben Okafor', email: 'ben@library.example',
    joined: datetime('2021-03-01T09:00:00Z'), interests: ['bread', 'weather']}),
  (chiara:Person:Reader {name: 'Chiara Russo', email: 'chiara@library.example',
    joined: datetime('2021-09-12T16:45:00+02:00[Europe/Rome]'), interests: ['gardens', 'bees']}),
  (dev:Person:Reader {name: 'Dev Patel', email: 'dev@library.example',
    joined: datetime('2023-01-20T11:15:30.5Z'), interests: ['sailing']}),
  (eva:Person:Reader {name: 'Eva Novak', email: 'eva@library.example',
    joined: datetime('2023-07-07T18:00:00Z'), interests: []}),
  (finn:Person:Reader {name: 'Finn Berg', email: 'finn@library.example',
    joined: datetime('2024-02-29T12:00:00Z'), interests: ['lighthouses', 'storms']}),

  (lamp:Book {isbn: '978-1-0000-0001-1', title: 'The Lamp Room', pages: 312, price: 18.5,
    published: date('1968-09-01'), summary: 'A lighthouse keeper counts ships, and the years.'}),
  (tide:Book {isbn: '978-1-0000-0002-8', title: 'Tide Tables', pages: 208, price: 14.0,
    published: date('1974-03-15'), summary: 'Letters between two islands, carried by the ebb.'}),
  (watch:Book {isbn: '978-1-0000-0003-5', title: 'The Second Watch', pages: 290, price: 16.25,
    published: date('1981-10-05'), summary: 'The lighthouse is automated; its keeper stays.'}),
  (soil:Book {isbn: '978-1-0000-0004-2', title: 'A Year of Soil', pages: 176, price: 12.0,
    published: date('1999-02-20'), summary: 'Twelve months in a kitchen garden.'}),
  (bees:Book {isbn: '978-1-0000-0005-9', title: 'What Bees Forget', pages: 240, price: 15.5,
    published: date('2008-06-01'), summary: 'A beekeeper loses a hive and finds a neighbour.'}),
  (charts:Book {isbn: '978-1-0000-0006-6', title: 'Charts of Nowhere', pages: 420, price: 24.0,
    published: date('2015-11-11'), summary: 'Maps of seas that nobody has sailed.'}),
  (bread:Book:Cookbook {isbn: '978-1-0000-0007-3', title: 'Bread at Four', pages: 150, price: 19.9,
    published: date('2018-01-31'), summary: 'Recipes and confessions from a night bakery.', oven_time: duration('PT45M')}),
  (index:Book:Reference {isbn: '978-1-0000-0008-0', title: 'The Index of This Library', pages: 64,
    published: date('2020-12-01'), summary: 'Lists every book here, itself among them.'}),

  (sea:Genre {name: 'Sea stories'}), (garden:Genre {name: 'Gardens'}), (food:Genre {name: 'Food'}),
  (helpful:Genre {name: 'Reference'}),

  (r1:Review {text: 'Slow as the tide, and as sure.', stars: 5, createdAt: datetime('2023-02-02T20:00:00Z')}),
  (r2:Review {text: 'I could smell the lamp oil.', stars: 4, createdAt: datetime('2023-03-09T08:12:00Z')}),
  (r3:Review {text: 'My tomatoes are grateful.', stars: 5, createdAt: datetime('2023-05-21T14:40:00+02:00[Europe/Rome]')}),
  (r4:Review {text: 'Too many maps, too few people.', stars: 2, createdAt: datetime('2023-11-30T21:05:00Z')}),
  (r5:Review {text: 'Get up at three and bake.', stars: 4, createdAt: datetime('2024-03-03T05:30:00Z')}),
  (r6:Review {stars: 3, createdAt: datetime('2024-03-04T19:00:00Z')}),

  (harbour:Branch {name: 'Harbour Street', place: point({longitude: 12.568, latitude: 55.676}),
    opens: time('09:30+01:00'), lends_for: duration('P28D'), opened: localdatetime('1904-05-01T11:00')}),
  (hill:Branch {name: 'Hill Road', place: point({longitude: 12.501, latitude: 55.702}),
    opens: time('12:00+01:00'), lends_for: duration('P14D')}),

  ({found: 'between two shelves', on: date('2024-01-15')}),

  (ada)-[:WROTE {year: 1968}]->(lamp), (ada)-[:WROTE {year: 1974}]->(tide), (ada)-[:WROTE {year: 1981}]->(watch),
  (tomas)-[:WROTE {year: 1999}]->(soil), (tomas)-[:WROTE {year: 2008}]->(bees),
  (mei)-[:WROTE {year: 2015}]->(charts), (olu)-[:WROTE {year: 2018}]->(bread), (mei)-[:WROTE {year: 2020}]->(index),
  (watch)-[:FOLLOWS]->(lamp),
  (index)-[:LISTS]->(lamp), (index)-[:LISTS]->(charts), (index)-[:LISTS]->(index),

  (lamp)-[:IN_GENRE]->(sea), (tide)-[:IN_GENRE]->(sea), (watch)-[:IN_GENRE]->(sea), (charts)-[:IN_GENRE]->(sea),
  (soil)-[:IN_GENRE]->(garden), (bees)-[:IN_GENRE]->(garden), (bread)-[:IN_GENRE]->(food),
  (index)-[:IN_GENRE]->(helpful),

  (finn)-[:BORROWED {on: date('2024-03-01'), returned: date('2024-03-20')}]->(lamp),
  (finn)-[:BORROWED {on: date('2024-09-02'), returned: date('2024-09-30')}]->(lamp),
  (finn)-[:BORROWED {on: date('2024-10-01')}]->(watch),
  (chiara)-[:BORROWED {on: date('2023-04-11'), returned: date('2023-05-09')}]->(soil),
  (dev)-[:BORROWED {on: date('2023-06-01'), returned: date('2023-06-22')}]->(charts),
  (ben)-[:BORROWED {on: date('2024-02-10'), returned: date('2024-02-24')}]->(bread),

  (dev)-[:RATED {stars: 5, since: date('2023-02-02')}]->(tide), (finn)-[:RATED {stars: 4, since: date('2024-03-21')}]->(lamp),
  (chiara)-[:RATED {stars: 5, since: date('2023-05-21')}]->(soil), (dev)-[:RATED {stars: 2, since: date('2023-11-30')}]->(charts),
  (ben)-[:RATED {stars: 4, since: date('2024-03-03')}]->(bread),

  (dev)-[:REVIEWED]->(r1), (r1)-[:ABOUT]->(tide), (finn)-[:REVIEWED]->(r2), (r2)-[:ABOUT]->(lamp),
  (chiara)-[:REVIEWED]->(r3), (r3)-[:ABOUT]->(soil), (dev)-[:REVIEWED]->(r4), (r4)-[:ABOUT]->(charts),
  (ben)-[:REVIEWED]->(r5), (r5)-[:ABOUT]->(bread), (eva)-[:REVIEWED]->(r6), (r6)-[:ABOUT]->(bees),

  (ben)-[:KNOWS {since: date('2021-05-05')}]->(chiara), (chiara)-[:KNOWS {since: date('2021-05-05')}]->(ben),
  (dev)-[:KNOWS {since: date('2023-03-03')}]->(mei), (eva)-[:KNOWS]->(finn);
