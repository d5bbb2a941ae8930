import type { FC, PropsWithChildren } from "hono/jsx";
import { TIMES } from "./callback.ts";
import { type Language, TEXTS } from "./texts.ts";

const STYLE = "body{font:16px system-ui;max-width:34rem;margin:2rem auto}label{display:block}";

/** The frame of every page. */
export const Layout: FC<PropsWithChildren<{ language: Language; company: string }>> = ({
  language,
  company,
  children,
}) => (
  <html lang={language}>
    <head>
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width" />
      <title>{`${TEXTS[language].title} · ${company}`}</title>
      <style>{STYLE}</style>
    </head>
    <body>
      <h1>{company}</h1>
      {children}
    </body>
  </html>
);

interface FormProps {
  readonly language: Language;
  readonly topics: readonly string[];
  /** What was sent before, to be corrected. */
  readonly sent?: Readonly<Record<string, unknown>>;
  /** Names of the fields that were wrong. */
  readonly wrong?: readonly string[];
}

/** The form, with what was wrong in it. */
export const Form: FC<FormProps> = ({ language, topics, sent = {}, wrong = [] }) => {
  const texts = TEXTS[language];
  const value = (field: string): string => {
    const text = sent[field];
    return typeof text === "string" ? text : "";
  };
  const labels = new Map<string, string>(Object.entries(texts));
  const problems = wrong.map((field) => labels.get(field) ?? field).join(", ");
  return (
    <form method="post" action={`?lang=${language}`}>
      {wrong.length > 0 && <p role="alert">{texts.wrong + problems}</p>}
      {(["name", "email", "phone"] as const).map((field) => (
        <label key={field}>
          {texts[field]} <input name={field} value={value(field)} required maxlength={100} />
        </label>
      ))}
      <label>
        {texts.topic}{" "}
        <select name="topic">
          {topics.map((topic) => (
            <option key={topic} selected={topic === value("topic")}>
              {topic}
            </option>
          ))}
        </select>
      </label>
      <fieldset>
        <legend>{texts.time}</legend>
        {TIMES.map((time) => (
          <label key={time}>
            <input type="checkbox" name="time" value={time} /> {texts[time]}
          </label>
        ))}
      </fieldset>
      <label>
        {texts.message} <textarea name="message">{value("message")}</textarea>
      </label>
      <input name="website" hidden tabindex={-1} autocomplete="off" />
      <button type="submit">{texts.send}</button>
    </form>
  );
};
