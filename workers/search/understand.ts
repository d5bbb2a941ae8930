import { foldWords } from "./fold-text.ts";
import { tellingWords } from "./stem.ts";

/** What people call the data that a plugin may be kept away from, folded, by entity of permissions. */
const ENTITIES: Readonly<Record<string, string>> = {
  customers:
    "customer customers client clients kunde kunden kundendaten kundenzugriff kundenkontakte",
  appointments:
    "appointment appointments calendar calendars termine terminen termindaten kalender kalenderdaten terminzugriff",
  requests: "requests inquiries anfragen anfragedaten",
  notifications: "notification notifications benachrichtigung benachrichtigungen",
  network:
    "network internet online netz netzwerk netzwerkzugriff netzwerkverbindung internetzugriff internetverbindung internetzugang",
  storage: "storage speicher speicherung",
};

const entities = new Map(
  Object.entries(ENTITIES).flatMap(([entity, words]) =>
    foldWords(words).map((word) => [word, entity] as const),
  ),
);

const names = [...entities.keys()].toSorted((a, b) => b.length - a.length).join("|");
const BEFORE = "(?:(?:any|the|my|our|your|all|meine[nr]?|unsere[nr]?|die|den|der|auf) )*";
const ENTITY = `${BEFORE}(${names})(?: (?:data|daten|access|zugriff|connection|verbindung))?`;

/**
 * How people say that a plugin shall keep away from something, over folded words (does is dos) with
 * one space between. Each holds one entity.
 */
const EXCLUSIONS = [
  `(?:that |which )?(?:never|not|doesnt|does not|do not|dont|cannot|cant) (?:touch|touches|touching|access|accesses|accessing|use|uses|using|need|needs|read|reads|reading|see|sees|change|changes) ${ENTITY}`,
  `(?:with )?(?:no|without|without touching|without access to|no access to|not touching) ${ENTITY}`,
  `(?:der |die |das )?(?:braucht|benotigt|nutzt|verwendet|liest|sieht) (?:kein|keine|keinen|nie) (?:zugriff auf )?${ENTITY}`,
  `(?:(?:ohne|kein|keine|keinen) )(?:zugriff auf )?${ENTITY}`,
  `(?:der |die |das )?(?:greift|greifen) (?:nicht|nie|niemals) auf ${ENTITY} zu`,
  `(?:der |die |das )?(?:fasst|ruhrt|liest|sieht|andert|braucht|benotigt|nutzt|verwendet) ${ENTITY} (?:nicht|nie|niemals)(?: an)?`,
  `(?:der |die |das )?${ENTITY} (?:nicht|nie|niemals) (?:anfasst|beruhrt|liest|sieht|braucht|andert|nutzt|verwendet)`,
].map((pattern) => new RegExp(`(?<= )${pattern.replaceAll("does", "dos")}(?= )`, "gu"));

export interface Understood {
  /** The words of the query that said it, folded. */
  readonly words: string;
  /** The filter that they became: `permission=!customers`. */
  readonly filter: { readonly name: "permission"; readonly value: string };
}

export interface Meaning {
  /** What is left to be looked for: the query itself when nothing of it was a filter; empty for all plugins. */
  readonly text: string;
  readonly understood: readonly Understood[];
}

/** What is longer is not a sentence of a person; it is looked for word by word. */
const MAX_LENGTH = 300;

/**
 * Takes "never touches customers", "ohne Kundendaten" and the like out of a query. Between quotation
 * marks everything is looked for as it stands.
 */
export function understand(text: string): Meaning {
  const isAsItStands = text.length > MAX_LENGTH || /["„“”]/u.test(text);
  if (isAsItStands) return { text, understood: [] };
  const words = foldWords(text.replaceAll(/['’´`]/gu, ""));
  const understood: Understood[] = [];
  let rest = ` ${words.join(" ")} `;
  for (const pattern of EXCLUSIONS) {
    rest = rest.replaceAll(pattern, (phrase: string, name: string) => {
      const value = `!${entities.get(name) ?? name}`;
      understood.push({ words: phrase, filter: { name: "permission", value } });
      return "";
    });
  }
  if (understood.length === 0) return { text, understood };
  const left = foldWords(rest);
  // "Plugins that never touch customers" are any plugins.
  return { text: tellingWords(left).length === 0 ? "" : left.join(" "), understood };
}
