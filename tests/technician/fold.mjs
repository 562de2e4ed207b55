// The steps of each case on standard input as the app shows them, in their order, as JSON.
import { text } from 'node:stream/consumers';

const [folder] = process.argv.slice(2);
const order = await text(process.stdin);
const { stateAfter, stepsOf } = await import(`${folder}/fold.js`);
const found = JSON.parse(order).map(({ task, items }) => {
  const steps = stepsOf(task, items, 0, 'Alice');
  return [steps.map((step) => step.id), stateAfter(task, steps)];
});
process.stdout.write(JSON.stringify(found));
