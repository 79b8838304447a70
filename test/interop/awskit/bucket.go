package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/api/layout"
	"github.com/transparency-dev/tessera/fsck"
	tesseraaws "github.com/transparency-dev/tessera/storage/aws"
	"tlog-migrate/test/interop/internal/testlog"
)

// bucket is a log's home in a bucket, below a prefix that may be empty, with the state of the log in a database.
type bucket struct {
	name, prefix, dsn string
	sdk               aws.Config
	objects           *s3.Client
}

func bucketFlags(set *flag.FlagSet) func() (testlog.Home, error) {
	var b bucket
	set.StringVar(&b.name, "bucket", "", "bucket of the log")
	set.StringVar(&b.prefix, "prefix", "", "prefix of the names of its objects")
	set.StringVar(&b.dsn, "mysql", "", "database of the log: user:password@tcp(host:port)/database")
	return func() (testlog.Home, error) {
		if b.name == "" {
			return nil, errors.New("--bucket is required")
		}
		var err error
		if b.sdk, err = config.LoadDefaultConfig(context.Background()); err != nil {
			return nil, err
		}
		b.objects = s3.NewFromConfig(b.sdk, pathStyle)
		return b, nil
	}
}

func pathStyle(o *s3.Options) { o.UsePathStyle = true }

func (b bucket) String() string { return "s3://" + path.Join(b.name, b.prefix) }

// CheckpointInterval is the shortest that Tessera permits on AWS.
func (b bucket) CheckpointInterval() time.Duration { return time.Second }

func (b bucket) Driver(ctx context.Context) (tessera.Driver, error) {
	if b.dsn == "" {
		return nil, errors.New("--mysql is required")
	}
	return tesseraaws.New(ctx, tesseraaws.Config{
		SDKConfig:    &b.sdk,
		S3Options:    pathStyle,
		Bucket:       b.name,
		BucketPrefix: b.prefix,
		DSN:          b.dsn,
		MaxIdleConns: 2,
	})
}

// WatchCheckpoint relies on the time at which an object was last written, or on its bytes within a second.
func (b bucket) WatchCheckpoint(ctx context.Context) (func(context.Context) bool, error) {
	before, err := b.written(ctx, layout.CheckpointPath)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) bool {
		now, err := b.written(ctx, layout.CheckpointPath)
		return err == nil && now != before
	}, nil
}

func (b bucket) written(ctx context.Context, name string) (string, error) {
	o, err := b.objects.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &b.name, Key: b.key(name)})
	var missing *types.NotFound
	if errors.As(err, &missing) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", b, err)
	}
	return o.LastModified.String() + *o.ETag, nil
}

// StoreIssuer stores a certificate as TesseraCT does.
func (b bucket) StoreIssuer(ctx context.Context, path string, der []byte) error {
	_, err := b.objects.PutObject(ctx, &s3.PutObjectInput{
		Bucket:      &b.name,
		Key:         b.key(path),
		Body:        bytes.NewReader(der),
		ContentType: aws.String("application/pkix-cert"),
	})
	return err
}

func (b bucket) Fetcher(_ context.Context, ct bool) (fsck.Fetcher, error) {
	return testlog.ObjectFetcher(b.read, ct), nil
}

func (b bucket) key(name string) *string { return aws.String(path.Join(b.prefix, name)) }

func (b bucket) read(ctx context.Context, name string) ([]byte, error) {
	o, err := b.objects.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.name, Key: b.key(name)})
	var missing *types.NoSuchKey
	if errors.As(err, &missing) {
		return nil, fmt.Errorf("%s in %s: %w", name, b, os.ErrNotExist)
	}
	if err != nil {
		return nil, err
	}
	defer o.Body.Close()
	return io.ReadAll(o.Body)
}
