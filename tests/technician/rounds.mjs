// Of every case of the order, whether the app finds that an earlier step asks already, as JSON.
const [folder, order] = process.argv.slice(2);
const { askedAt } = await import(`${folder}/asks.js`);
const { currentRound, stepsOf } = await import(`${folder}/fold.js`);
const { asks, cases } = JSON.parse(order);
const found = cases.map(({ task, items, state, now }) => {
  const steps = currentRound(task, stepsOf(task, items, 0, 'Alice'));
  return askedAt(asks, state, steps, {}, {}, now).map((one) => one.already);
});
process.stdout.write(JSON.stringify(found));
