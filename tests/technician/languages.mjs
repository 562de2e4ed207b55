// What the app chooses of the texts of each case, as JSON.
const [folder, order] = process.argv.slice(2);
const { textIn } = await import(`${folder}/texts.js`);
const found = JSON.parse(order).map(([texts, wanted]) => textIn(texts, wanted) ?? null);
process.stdout.write(JSON.stringify(found));
