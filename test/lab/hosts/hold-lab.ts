// Holds a lab of the named cluster until it is killed; prints where the lab is once it is healthy. For the lab's own test.
import { startLab } from "../start-lab";

const lab = await startLab(process.argv[2] ?? "etcd");
console.log(JSON.stringify(lab.record));
setInterval(() => undefined, 60_000);
