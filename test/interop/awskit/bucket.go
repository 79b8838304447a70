package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/storage/aws"
	"tlog-migrate/test/interop/internal/testlog"
)

const maxLooks = 5

func openBucket(place testlog.Place) (testlog.Bucket, error) {
	sdk, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		return testlog.Bucket{}, err
	}
	driver := aws.Config{
		SDKConfig:    &sdk,
		S3Options:    pathStyle,
		Bucket:       place.Bucket,
		BucketPrefix: place.Prefix,
		DSN:          place.Database,
		MaxIdleConns: 2,
	}
	return testlog.Bucket{
		Place:       place,
		Objects:     objects{place.Bucket, s3.NewFromConfig(sdk, pathStyle)},
		MinInterval: time.Second,
		OpenDriver:  func(ctx context.Context) (tessera.Driver, error) { return aws.New(ctx, driver) },
	}, nil
}

func pathStyle(o *s3.Options) { o.UsePathStyle = true }

type objects struct {
	bucket string
	client *s3.Client
}

// Version relies on the time at which an object was last written, or on its bytes within a second.
func (o objects) Version(ctx context.Context, name string) (string, error) {
	head, err := o.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &o.bucket, Key: &name})
	var missing *types.NotFound
	if errors.As(err, &missing) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("%s in %s: %w", name, o.bucket, err)
	}
	return head.LastModified.String() + *head.ETag, nil
}

func (o objects) Write(ctx context.Context, name, contentType string, data []byte) error {
	_, err := o.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket:      &o.bucket,
		Key:         &name,
		Body:        bytes.NewReader(data),
		ContentType: &contentType,
	})
	return err
}

// Read reads an object, and again if its bytes do not have the checksum that came with them: versitygw reads one after
// the other, and the object may be replaced in between.
func (o objects) Read(ctx context.Context, name string) ([]byte, error) {
	for look := 1; ; look++ {
		body, err := o.readOnce(ctx, name)
		if err == nil || look == maxLooks || !strings.Contains(err.Error(), "checksum did not match") {
			return body, err
		}
	}
}

func (o objects) readOnce(ctx context.Context, name string) ([]byte, error) {
	object, err := o.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &o.bucket, Key: &name})
	var missing *types.NoSuchKey
	if errors.As(err, &missing) {
		return nil, fmt.Errorf("%s in %s: %w", name, o.bucket, os.ErrNotExist)
	}
	if err != nil {
		return nil, err
	}
	defer object.Body.Close()
	return io.ReadAll(object.Body)
}
