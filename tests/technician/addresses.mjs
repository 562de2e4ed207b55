// What the app's rule makes of every address of the order, as JSON.
const [folder, order] = process.argv.slice(2);
const { normalForm, usableAddress } = await import(`${folder}/address.js`);
const found = JSON.parse(order).map((typed) => [normalForm(typed), usableAddress(typed)]);
process.stdout.write(JSON.stringify(found));
