// The name of a feature in each place where it stands: `Note` and `notes` in code, `note_id` in SQL, `/notes` in paths, words in texts.

/** What the files of the model call it. */
const model = { one: ['note'], all: ['notes'] };

/** A line of a comment, a comment, or a string. Model files nest no template in another one. */
const TOKEN = /\/\/.*|\/\*[^]*?\*\/|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g;
const MENTION = /(\b[Aa] )?([Nn])ote(s?)(?![a-z])/g;

const capital = (word) => word[0].toUpperCase() + word.slice(1);
const styles = {
  pascal: (words) => words.map(capital).join(''),
  camel: ([first, ...rest]) => [first, ...rest.map(capital)].join(''),
  snake: (words) => words.join('_'),
  kebab: (words) => words.join('-'),
  text: (words) => words.join(' '),
  sentence: (words) => capital(words.join(' ')),
};

/** The words of a name such as `shopping-lists`, for many (`all`) and for one. */
export function namesOf(name, singular = singularOf(name)) {
  return { all: name.split('-'), one: singular.split('-') };
}

/** Undefined where a rule of English does not tell. */
export function singularOf(name) {
  if (/[^aeiou]ies$/.test(name)) return name.replace(/ies$/, 'y');
  if (/(?:ss|x|z|ch|sh)es$/.test(name)) return name.slice(0, -2);
  return /[^s]s$/.test(name) ? name.slice(0, -1) : undefined;
}

/** How classes and variables are called. */
export function identifiersOf(names) {
  return [styles.pascal, styles.camel].flatMap((style) => [style(names.one), style(names.all)]);
}

/** The identifiers of a file, but for those that contain the model's name. */
export function otherIdentifiers(source, isTemplate) {
  const found = new Set();
  const collect = (code) => {
    for (const [word] of code.matchAll(/[A-Za-z_$][\w$]*/g)) if (!/note/i.test(word)) found.add(word);
    return code;
  };
  rewrite(source, isTemplate, { code: collect, string: (text) => text, prose: (text) => text });
  return found;
}

/** The path or the text of a model's file, for another feature. */
export function renamedPath(path, names) {
  return mentions(path, names, () => 'kebab');
}
export function renamed(source, isTemplate, names) {
  return rewrite(source, isTemplate, {
    code: (code) => mentions(code, names, ({ isCapital }) => (isCapital ? 'pascal' : 'camel')),
    prose: (text) => mentions(text, names, styleInText),
    string: (text, before) => mentions(text, names, (mention) => styleInString(text, before, mention)),
  });
}

/** Applies one function to code, one to the content of strings, and one to comments and the text of a page. */
function rewrite(source, isTemplate, { code, string, prose }) {
  const inCode = (text) => {
    let [result, at] = ['', 0];
    for (const { 0: token, index } of text.matchAll(TOKEN)) {
      result += code(text.slice(at, index));
      if (token.startsWith('/')) result += prose(token);
      else if (token.startsWith('`'))
        result += token.replace(/\$\{[^}]*\}|(?:\$(?!\{)|[^$])+/g, (part) =>
          part.startsWith('${') ? inCode(part) : string(part, ''),
        );
      else result += token[0] + string(token.slice(1, -1), result) + token[0];
      at = index + token.length;
    }
    return result + code(text.slice(at));
  };
  if (!isTemplate) return inCode(source);
  return source.replace(/<%[^]*?%>|(?:(?!<%)[^])+/g, (part) => (part.startsWith('<%') ? inCode(part) : prose(part)));
}

function mentions(text, names, styleOf) {
  return text.replace(MENTION, (all, article = '', n, s, offset) => {
    const isCapital = n === 'N';
    const before = text.slice(0, offset) + article;
    const after = text.slice(offset + all.length);
    // A part of another word, such as `denote`.
    if (!isCapital && /[a-z]$/.test(before)) return all;
    const style = styleOf({ isCapital, before, after });
    const word = styles[style](s ? names.all : names.one);
    return (article && style === 'text' && /^[aeiou]/.test(word) ? `${article[0]}n ` : article) + word;
  });
}

/** `names` of a table have no other sign beside them than a space; paths and identifiers tell themselves. */
function styleInText({ isCapital, before, after }) {
  if (/_$/.test(before) || /^_/.test(after)) return 'snake';
  if (isCapital) return /\w$/.test(before) || /^[A-Z\d]/.test(after) ? 'pascal' : 'sentence';
  if (/^[A-Z]/.test(after)) return 'camel';
  if (/(?:INTO|FROM|EXISTS|UPDATE|TABLE) $/.test(before)) return 'snake';
  if (/(?:[/-]|%2F)$/.test(before) || /^(?:[/-]|\.[a-z]+\b)/.test(after)) return 'kebab';
  return 'text';
}

function styleInString(text, before, mention) {
  const isWhole = text === model.all[0];
  if (!isWhole) return styleInText(mention);
  return /Controller\($/.test(before) ? 'kebab' : 'snake';
}
