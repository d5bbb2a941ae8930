import { createRoutes } from "../http.ts";
import { downloadRoutes } from "./download-routes.ts";
import { instanceRoutes } from "./instance-routes.ts";
import { issueRoutes } from "./issue-routes.ts";
import { leaseRoutes } from "./lease-routes.ts";

/** Selling (issue), instances and activations, renewing and returning leases, paid downloads. */
export const licenses = createRoutes();

licenses.route("/", instanceRoutes);
licenses.route("/", leaseRoutes);
licenses.route("/", downloadRoutes);
licenses.route("/", issueRoutes);
