import { CATEGORIES, PERMISSIONS } from "@rising-bsm/protocol";
import { SORT_NAMES } from "../search/sorts.ts";
import { permissionSentence } from "./browse-params.ts";
import { BROWSE_TEXTS } from "./browse-texts.ts";
import type { Browse } from "./browse-page.tsx";
import { siteLink } from "./links.ts";
import { categoryName, TEXTS } from "./texts.ts";

/** What people most want to keep away from a plugin. */
const AVOIDABLE = [
  "customers",
  "appointments",
  "requests",
  "customers.view",
  "customers.edit",
  "customers.delete",
  "notifications.send",
  "network",
];

/** Words, filters and order, as a form that needs no script. */
export function SearchForm(browse: Browse) {
  const { language, request, params } = browse;
  const texts = TEXTS[language.locale];
  return (
    <form class="search" method="get" action="/" role="search">
      {language.chosen && <input type="hidden" name="lang" value={language.locale} />}
      <div class="row">
        <div class="field wide">
          <label for="q">{texts.searchLabel}</label>
          <input
            id="q"
            type="search"
            name="q"
            value={request.text}
            placeholder={texts.searchExample}
          />
        </div>
        <button type="submit">{texts.search}</button>
      </div>
      <div class="row">
        <CategoryField {...browse} />
        <PriceField {...browse} />
        <SortField {...browse} />
      </div>
      <MoreFilters {...browse} />
      {params.length > 0 && (
        <p>
          <a href={siteLink("/", { language })}>{texts.clear}</a>
        </p>
      )}
    </form>
  );
}

function CategoryField({ language, request, counts }: Browse) {
  const texts = TEXTS[language.locale];
  const [chosen = "", ...others] = request.filters.categories;
  const options = CATEGORIES.map((category) => ({
    value: category,
    label: `${categoryName(texts, category)} (${counts[`category:${category}`] ?? 0})`,
  }));
  return (
    <>
      <SelectField
        name="category"
        label={texts.category}
        chosen={chosen}
        options={[{ value: "", label: texts.anyCategory }, ...options]}
      />
      <Kept name="category" values={others} />
    </>
  );
}

function PriceField({ language, request, counts }: Browse) {
  const texts = TEXTS[language.locale];
  return (
    <SelectField
      name="price"
      label={texts.price}
      chosen={request.filters.price ?? ""}
      options={[
        { value: "", label: texts.anyPrice },
        { value: "free", label: `${texts.free} (${counts["price:free"] ?? 0})` },
        { value: "paid", label: `${texts.paid} (${counts["price:paid"] ?? 0})` },
      ]}
    />
  );
}

/**
 * Best match needs words to match; without them it is the same as most downloads. What is the order
 * anyway has no value, so that words that are typed later are not sorted by what nobody has chosen.
 */
function SortField({ language: { locale }, request }: Browse) {
  const texts = { ...TEXTS[locale], ...BROWSE_TEXTS[locale] };
  const standard = request.wanted === "" ? "popular" : "relevance";
  const offered = request.wanted === "" ? SORT_NAMES : ["relevance" as const, ...SORT_NAMES];
  const valueOf = (sort: string) => (sort === standard ? "" : sort);
  return (
    <SelectField
      name="sort"
      label={texts.sort}
      chosen={valueOf(request.sort)}
      options={offered.map((sort) => ({ value: valueOf(sort), label: texts[sort] }))}
    />
  );
}

/** Licenses that plugins of the catalogue have, the most used first. */
function LicenseField({ language: { locale }, request, counts }: Browse) {
  const texts = BROWSE_TEXTS[locale];
  const counted = Object.entries(counts)
    .flatMap(([facet, count]) =>
      facet.startsWith("license:") ? [{ id: facet.slice(8), count }] : [],
    )
    .toSorted((a, b) => b.count - a.count);
  const [chosen = "", ...others] = request.filters.licenses;
  const isCounted = chosen === "" || counted.some(({ id }) => id === chosen);
  const options = counted.map(({ id, count }) => ({ value: id, label: `${id} (${count})` }));
  return (
    <>
      <SelectField
        name="license"
        label={texts.license}
        chosen={chosen}
        options={[
          { value: "", label: texts.anyLicense },
          ...(isCounted ? [] : [{ value: chosen, label: chosen }]),
          ...options,
        ]}
      />
      <Kept name="license" values={others} />
    </>
  );
}

/** Values beside the one that a field shows. */
function Kept({ name, values }: { name: string; values: readonly string[] }) {
  return (
    <>
      {values.map((value) => (
        <input type="hidden" name={name} value={value} />
      ))}
    </>
  );
}

interface SelectFieldProps {
  readonly name: string;
  readonly label: string;
  readonly chosen: string;
  readonly options: readonly { readonly value: string; readonly label: string }[];
}

function SelectField({ name, label, chosen, options }: SelectFieldProps) {
  return (
    <div class="field">
      <label for={name}>{label}</label>
      <select id={name} name={name}>
        {options.map((option) => (
          <option value={option.value} selected={option.value === chosen}>
            {option.label}
          </option>
        ))}
      </select>
    </div>
  );
}

/** Closed: what is in use stands above the results. */
function MoreFilters(browse: Browse) {
  const { language, request, params } = browse;
  const texts = TEXTS[language.locale];
  return (
    <details>
      <summary>{texts.moreFilters}</summary>
      <div class="row">
        <LicenseField {...browse} />
        <NeededField {...browse} />
        <div class="field">
          <label for="host">{texts.hostVersion}</label>
          <input
            id="host"
            type="text"
            name="host"
            value={params.find(([name]) => name === "host")?.[1] ?? ""}
            inputmode="decimal"
            placeholder="2.1"
            pattern="\d{1,6}(\.\d{1,6}(\.\d[0-9A-Za-z.+\-]*)?)?"
          />
        </div>
      </div>
      <label class="check">
        <input
          type="checkbox"
          name="verified"
          value="true"
          checked={request.filters.verified === true}
        />
        {texts.verifiedOnly}
      </label>
      <Avoided {...browse} />
      <p>
        <button type="submit">{texts.apply}</button>
      </p>
    </details>
  );
}

/** A permission that a plugin has to ask for: who looks for what adds appointments wants those. */
function NeededField({ language: { locale }, params, counts }: Browse) {
  const texts = BROWSE_TEXTS[locale];
  const [chosen = "", ...others] = params.flatMap(([name, value]) =>
    name === "permission" && !value.startsWith("!") ? [value] : [],
  );
  const known = [...Object.keys(PERMISSIONS), "network"];
  const offered = known.filter((code) => (counts[`permission:${code}`] ?? 0) > 0);
  const options = [...new Set([...(chosen === "" ? [] : [chosen]), ...offered])];
  return (
    <>
      <div class="field">
        <label for="needed">{texts.needs}</label>
        <select id="needed" name="permission">
          <option value="">{texts.anyPermission}</option>
          {options.map((code) => (
            <option value={code} selected={code === chosen}>
              {`${permissionSentence(code, locale)} (${counts[`permission:${code}`] ?? 0})`}
            </option>
          ))}
        </select>
      </div>
      <Kept name="permission" values={others} />
    </>
  );
}

function Avoided({ language: { locale }, params }: Browse) {
  const chosen = params.flatMap(([name, value]) =>
    name === "permission" && value.startsWith("!") ? [value.slice(1)] : [],
  );
  return (
    <fieldset>
      <legend>{TEXTS[locale].without}</legend>
      <div class="checks">
        {[...new Set([...AVOIDABLE, ...chosen])].map((code) => (
          <label class="check">
            <input
              type="checkbox"
              name="permission"
              value={`!${code}`}
              checked={chosen.includes(code)}
            />
            {permissionSentence(code, locale)}
          </label>
        ))}
      </div>
    </fieldset>
  );
}
