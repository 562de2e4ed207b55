// Days and times of moments as the app says them in French, and spans of campaigns, as JSON.
const [folder, order] = process.argv.slice(2);
const { brief, clock, dayName, full, spanOf } = await import(`${folder}/times.js`);
const { moments, zone, spans } = JSON.parse(order);
const said = moments.map((moment) => [
  full(moment, zone),
  brief(moment, zone, 0),
  clock(moment, zone),
  dayName(moment, zone, 0),
]);
process.stdout.write(JSON.stringify([said, spans.map(spanOf)]));
