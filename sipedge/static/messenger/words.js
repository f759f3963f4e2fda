// Texts in the language of the page. English ones are their own names; all stand in sipedge/messenger/words.py.

const WORDS = JSON.parse(document.body.dataset.words);

/** The text in the language of the page, with values in place of {names}. */
export function said(text, values = {}) {
  return (WORDS[text] ?? text).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

const LANGUAGE = document.documentElement.lang;

/** How dates and times are written: as in the browser's country, where the page speaks its language. */
export const LOCALE = navigator.languages.find((one) => one.split("-")[0] === LANGUAGE) ?? LANGUAGE;
