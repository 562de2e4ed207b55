// What the app finds to have asked already, in every case of the order, as JSON.
import { text } from 'node:stream/consumers';

const [folder] = process.argv.slice(2);
const { askedAt } = await import(`${folder}/asks.js`);
const { currentRound, stepsOf } = await import(`${folder}/fold.js`);
const { kinds, cases } = JSON.parse(await text(process.stdin));
const found = cases.map(({ asks, byHand, task, items, state, now }) => {
  const steps = currentRound(task, stepsOf(task, items, 0, 'Alice')).map((step) => ({
    ...step,
    kind: kinds[step.state],
  }));
  const round = { steps, byHand };
  const asked = askedAt(asks, state, round, {}, {}, now);
  return asked.map(({ already, unsure }) => [already, unsure]);
});
process.stdout.write(JSON.stringify(found));
