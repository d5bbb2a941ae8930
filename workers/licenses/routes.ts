import { createRoutes } from "../http.ts";
import { downloadRoutes } from "./download-routes.ts";
import { instanceRoutes } from "./instance-routes.ts";
import { issueRoutes } from "./issue-routes.ts";
import { leaseRoutes } from "./lease-routes.ts";
import { viewRoutes } from "./view-routes.ts";

/** Selling (issue, change, view), instances and activations, renewing and returning leases, paid downloads. */
export const licenses = createRoutes();

licenses.route("/", instanceRoutes);
licenses.route("/", leaseRoutes);
licenses.route("/", downloadRoutes);
licenses.route("/", issueRoutes);
licenses.route("/", viewRoutes);
