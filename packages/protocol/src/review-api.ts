import { z } from "zod";
import { REVIEW_LIMITS } from "./limits.ts";
import { pluginNameSchema } from "./plugin-name.ts";
import { timeSchema, versionSchema } from "./statements.ts";

const line = (max: number) =>
  z
    .string()
    .trim()
    .max(max)
    .regex(/^[^\p{Cc}\p{Cs}\u2028-\u202e\u2066-\u2069]*$/u, {
      error: "must be one line of text without control and direction characters",
    });

const lines = (max: number) =>
  z
    .string()
    .overwrite((text) => text.replaceAll("\r\n", "\n"))
    .trim()
    .max(max)
    .regex(/^(?:[^\p{Cc}\p{Cs}\u202a-\u202e\u2066-\u2069]|[\t\n])*$/u, {
      error: "must be text without control and direction characters",
    });

const id = z.uuid();
const reason = lines(REVIEW_LIMITS.reportChars).min(1);
const rating = z.int().min(1).max(5);

/** `POST /v1/plugins/@s/n/reviews`, signed by the instance: plain text. The same again is an edit. */
export const reviewRequestSchema = z.strictObject({
  rating,
  title: line(REVIEW_LIMITS.titleChars).default(""),
  text: lines(REVIEW_LIMITS.textChars).default(""),
  /** Of the text, as a tag of BCP 47; `und` is none or unknown. */
  language: z
    .string()
    .max(35)
    .regex(/^[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*$/)
    .default("und"),
  /** That is spoken of; what the instance has when absent. */
  version: versionSchema.optional(),
});

/** What an instance says of a plugin. */
export type ReviewRequest = z.output<typeof reviewRequestSchema>;

/** What an instance says of a plugin, where title, text, language and version may be absent. */
export type ReviewInput = z.input<typeof reviewRequestSchema>;

/** A review. Who wrote it is not shown. */
export const reviewSchema = z.object({
  id,
  rating,
  title: z.string(),
  text: z.string(),
  language: z.string(),
  version: versionSchema,
  createdAt: timeSchema,
  updatedAt: timeSchema,
  /** The publisher's answer. */
  reply: z.object({ text: z.string(), repliedAt: timeSchema }).nullable(),
  /**
   * Why the marketplace does not show it; to everybody but its writer title and text are empty
   * then, and `reply` is null.
   */
  hidden: z.object({ reason: z.string() }).nullable(),
});

/** A review. */
export type Review = z.output<typeof reviewSchema>;

/** `GET …/reviews/own`: those of the instance that asks, the highest major version first. */
export const ownReviewsSchema = z.object({ items: z.array(reviewSchema) });

/** The ratings of a plugin; `average` is null without any. */
export const reviewSummarySchema = z.object({
  ratings: z.int(),
  average: z.number().nullable(),
  /** How many gave one star, two, … five. */
  histogram: z.tuple([z.int(), z.int(), z.int(), z.int(), z.int()]),
});

/** The ratings of a plugin. */
export type ReviewSummary = z.output<typeof reviewSummarySchema>;

/** In which order reviews are listed. */
export const REVIEW_SORTS = ["new", "highest", "lowest"] as const;

/** `GET /v1/plugins/@s/n/reviews`. */
export const reviewPageSchema = z.object({
  summary: reviewSummarySchema,
  items: z.array(reviewSchema),
  nextCursor: z.string().nullable(),
});

/** A page of reviews. */
export type ReviewPage = z.output<typeof reviewPageSchema>;

/** `PUT …/reviews/{id}/reply`: the publisher's answer, in place of one before. */
export const reviewReplyRequestSchema = z.strictObject({
  text: lines(REVIEW_LIMITS.replyChars).min(1),
});

/** `POST …/reviews/{id}/hide`; the reason is public. */
export const reviewHideRequestSchema = z.strictObject({ reason });

/** What can be wrong with a plugin. */
export const REPORT_REASONS = [
  "malware",
  "privacy",
  "misleading",
  "copyright",
  "spam",
  "broken",
  "review",
  "other",
] as const;

/** `POST /v1/plugins/@s/n/reports`, by anybody. */
export const reportRequestSchema = z.strictObject({
  reason: z.enum(REPORT_REASONS),
  text: lines(REVIEW_LIMITS.reportChars).default(""),
  /** Where an answer can go. It is deleted when the report is resolved. */
  contact: line(REVIEW_LIMITS.contactChars).optional(),
  version: versionSchema.optional(),
  /** The review that is reported. */
  reviewId: id.optional(),
});

/** What somebody says is wrong with a plugin. */
export type ReportRequest = z.output<typeof reportRequestSchema>;

/** A report that was taken, now or before. */
export const reportResultSchema = z.object({ reportId: id });

/** What a report can lead to. What is done to the plugin is done by its own request. */
export const REPORT_ACTIONS = [
  "none",
  "warned",
  "review_hidden",
  "advisory",
  "yanked",
  "removed",
] as const;

/** `POST /v1/reports/{id}/resolve`; the publisher sees both. */
export const reportResolutionSchema = z.strictObject({
  action: z.enum(REPORT_ACTIONS),
  note: lines(REVIEW_LIMITS.reportChars).default(""),
});

/** What a report led to. */
export type ReportResolution = z.output<typeof reportResolutionSchema>;

/** A report that was resolved, as the plugin's publisher sees it: without what the sender wrote. */
export const resolvedReportSchema = z.object({
  reportId: id,
  plugin: pluginNameSchema,
  version: versionSchema.nullable(),
  reviewId: id.nullable(),
  reason: z.string(),
  createdAt: timeSchema,
  /** Null while it is open. */
  resolvedAt: timeSchema.nullable(),
  action: z.string().nullable(),
  note: z.string().nullable(),
});

/** A report as the administrator sees it. */
export const reportSchema = resolvedReportSchema.extend({
  text: z.string(),
  contact: z.string().nullable(),
});

/** A report as the administrator sees it. */
export type Report = z.output<typeof reportSchema>;

/** `GET /v1/reports`: those that are open, the oldest first, or resolved ones, the newest first. */
export const reportPageSchema = z.object({
  items: z.array(reportSchema),
  nextCursor: z.string().nullable(),
});

/** `GET /v1/plugins/@s/n/reports`: what its publisher is told, the newest first. */
export const resolvedReportPageSchema = z.object({
  items: z.array(resolvedReportSchema),
  nextCursor: z.string().nullable(),
});
