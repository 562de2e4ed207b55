// Of every case of the order, whether the app finds that an earlier step asks already, as JSON.
import { text } from 'node:stream/consumers';

const [folder] = process.argv.slice(2);
const { askedAt } = await import(`${folder}/asks.js`);
const { currentRound, stepsOf } = await import(`${folder}/fold.js`);
const { kinds, cases } = JSON.parse(await text(process.stdin));
const found = cases.map(({ asks, task, items, state, now }) => {
  const steps = currentRound(task, stepsOf(task, items, 0, 'Alice')).map((step) => ({
    ...step,
    kind: kinds[step.state],
  }));
  return askedAt(asks, state, steps, {}, {}, now).map(({ already, unsure }) => [already, unsure]);
});
process.stdout.write(JSON.stringify(found));
