/** For the tests of types: takes `true` where two types are the same, `readonly` and `?` included, and nothing where they are not. */

export type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : never;

export declare function same<A, B>(is: Same<A, B>): void;
