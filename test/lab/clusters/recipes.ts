import type { ClusterRecipe } from "./cluster-recipe";
import { etcd } from "./etcd";
import { patroni } from "./patroni";
import { postgresql } from "./postgresql";
import { redisCluster } from "./redis-cluster";
import { redisSentinel } from "./redis-sentinel";
import { redisSupervised } from "./redis-supervised";
import { zookeeper } from "./zookeeper";

/** The clusters that the lab can bring up. */
export const clusterRecipes: readonly ClusterRecipe[] = [
  redisCluster,
  redisSentinel,
  redisSupervised,
  postgresql,
  patroni,
  zookeeper,
  etcd,
];

/** The recipe of that name, or an error that lists the names there are. */
export function recipeOf(name: string): ClusterRecipe {
  const recipe = clusterRecipes.find((one) => one.name === name);
  if (recipe !== undefined) return recipe;
  throw new Error(`there is no cluster "${name}"; there are: ${clusterRecipes.map((one) => one.name).join(", ")}`);
}
