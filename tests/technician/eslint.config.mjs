// Lints the modules of the technician app: `python -m tests.modules` runs it from the root.
import js from '@eslint/js';
import globals from 'globals';

const APP = 'server/technician/app';

export default [
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  {
    files: [`${APP}/**/*.js`],
    ...js.configs.recommended,
    languageOptions: { ecmaVersion: 2025, sourceType: 'module', globals: globals.browser },
    rules: {
      ...js.configs.recommended.rules,
      // Names of hosts are judged letter by letter: joiners and marks stand in classes as escapes.
      'no-misleading-character-class': ['error', { allowEscape: true }],
    },
  },
  {
    files: [`${APP}/worker.js`],
    languageOptions: { globals: globals.serviceworker },
  },
];
