import { localText } from "@rising-bsm/protocol";
import { raw } from "hono/html";
import { imagePath } from "../media/details.ts";
import { PLUGIN_TEXTS } from "./plugin-texts.ts";
import type { PluginView } from "./plugin-view.ts";

/** Side of an icon on a page, in CSS pixels. */
const ICON_SIDE = 64;

export function Icon({ plugin }: Pick<PluginView, "plugin">) {
  const { icon } = plugin.details;
  if (icon === null) return null;
  // The name stands beside it.
  return <img class="icon" src={imagePath(icon)} alt="" width={ICON_SIDE} height={ICON_SIDE} />;
}

/** Each opens by itself in full size: that needs no script, and the keyboard reaches it. */
export function Screenshots({ plugin, language }: PluginView) {
  const { screenshots } = plugin.details;
  if (screenshots.length === 0) return null;
  const texts = PLUGIN_TEXTS[language.locale];
  const name = localText(plugin.card.displayName, language.locale);
  return (
    <section class="panel" aria-labelledby="screenshots">
      <h2 id="screenshots">{texts.screenshotsTitle}</h2>
      <ul class="shots">
        {screenshots.map((image, at) => (
          <li>
            <a href={imagePath(image)}>
              <img
                src={imagePath(image)}
                alt={`${name}: ${texts.screenshot(at + 1, screenshots.length)}`}
                width={image.width}
                height={image.height}
                loading="lazy"
              />
            </a>
          </li>
        ))}
      </ul>
    </section>
  );
}

interface FragmentProps {
  readonly html: string;
  /** What it is, for who scrolls it sideways. */
  readonly title: string;
}

/** HTML that was made here from a publisher's Markdown, and holds nothing but the elements of a text. */
export function Fragment({ html, title }: FragmentProps) {
  // A wide table scrolls, and the keyboard scrolls what it can stand on.
  const scrolls = html.includes("<table") && { tabindex: 0, role: "group", "aria-label": title };
  return (
    <div class="prose" {...scrolls}>
      {raw(html)}
    </div>
  );
}
